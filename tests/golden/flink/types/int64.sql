CASE WHEN REGEXP(`_text:field`, '\A\[(?:-?(?:0|[1-9][0-9]{0,18}))\]\z') THEN TRY_CAST(SUBSTRING(`_text:field`, 2, CHAR_LENGTH(`_text:field`) - 2) AS BIGINT) END
