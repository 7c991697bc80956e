CASE WHEN REGEXP(`_text:field`, '\A(?:-?(0|[1-9][0-9]{0,18}))\z') THEN TRY_CAST(`_text:field` AS BIGINT) END
