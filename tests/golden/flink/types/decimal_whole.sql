CASE WHEN REGEXP(`_text:field`, '\A\[(?:"-?[0-9]{1,18}")\]\z') THEN CAST(TRY_CAST(SUBSTRING(`_text:field`, 3, CHAR_LENGTH(`_text:field`) - 4) AS DECIMAL(38, 0)) AS DECIMAL(18, 0)) END
