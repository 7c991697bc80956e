CASE WHEN `_text:field` LIKE '"%' THEN CASE WHEN `_text:field` LIKE '%\%' THEN JSON_UNQUOTE(`_text:field`) ELSE TRIM(BOTH '"' FROM `_text:field`) END END
