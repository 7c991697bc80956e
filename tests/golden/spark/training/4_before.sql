SELECT 3 AS `_kind`, `_chunk`, `_key:shop`, `_chunk` - 1 AS `available_at`,
  `n__n`, `income__n`, `income__sum`, `least__min`, `due__last`, `w__n`, `w__sum`
FROM (
  SELECT `_asks`, `_chunk`, `_key:shop`, SUM(`_n`) OVER `_carried` AS `_n`,
  SUM(`n__n`) OVER `_carried` AS `n__n`,
  SUM(`income__n`) OVER `_carried` AS `income__n`,
  CAST(SUM(`income__sum`) OVER `_carried` AS DECIMAL(38, 2)) AS `income__sum`,
  MIN(`least__min`) OVER `_carried` AS `least__min`,
  MAX(`due__last`) OVER `_carried` AS `due__last`,
  SUM(`w__n`) OVER `_carried` AS `w__n`,
  SUM(`w__sum`) OVER `_carried` AS `w__sum`
  FROM (
    SELECT FALSE AS `_asks`, (`available_at` - PMOD(`available_at`, 27000000)) AS `_chunk`, `shop` AS `_key:shop`, COUNT(*) AS `_n`,
    COUNT(*) AS `n__n`,
    COUNT(`price`) AS `income__n`,
    CAST(SUM(`price`) AS DECIMAL(38, 2)) AS `income__sum`,
    MIN(`weight`) AS `least__min`,
    MAX(CONCAT(`_pick`, CAST(`due` AS STRING))) AS `due__last`,
    COUNT(`weight`) AS `w__n`,
    SUM(`weight`) AS `w__sum`
    FROM (SELECT *, CONCAT(LPAD(CAST(`event_time` + 100000000000000 AS STRING), 16, '0'), HEX(`event_id`), ' ', LPAD(CAST(`available_at` + 100000000000000 AS STRING), 16, '0'), LPAD(CAST(`_partition` + 1 AS STRING), 10, '0'), LPAD(CAST(`_offset` AS STRING), 19, '0'), ' ') AS `_pick` FROM counted) WHERE `shop` IS NOT NULL AND `available_at` < CAST(1795219200000 AS BIGINT)
    GROUP BY `shop`, 2
    UNION ALL
    SELECT DISTINCT TRUE AS `_asks`, `_chunk`, `_key:shop`, NULL AS `_n`, NULL AS `n__n`, NULL AS `income__n`, NULL AS `income__sum`, NULL AS `least__min`, NULL AS `due__last`, NULL AS `w__n`, NULL AS `w__sum` FROM asked
  )
  WINDOW `_carried` AS (
    PARTITION BY `_key:shop` ORDER BY `_chunk`, `_asks` DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  )
)
WHERE `_asks` AND `_n` IS NOT NULL
