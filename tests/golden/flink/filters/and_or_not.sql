((NOT (`paid` AND (`till` = CAST('1' AS BIGINT)))) OR (NOT (`shop` IS NULL)))
