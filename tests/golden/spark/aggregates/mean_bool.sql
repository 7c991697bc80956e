SELECT `shop`,
  `event_time` - PMOD(`event_time`, 300000) AS `_tile`,
  COUNT(*) AS `_n`,
  COUNT((`weight` > CAST('1.0' AS DOUBLE))) AS `measure__n`,
  CAST(SUM(CAST((`weight` > CAST('1.0' AS DOUBLE)) AS BIGINT)) AS DECIMAL(38, 0)) AS `measure__sum`
FROM counted WHERE `shop` IS NOT NULL
GROUP BY `shop`, 2

SELECT `shop`,
  `_tile`,
  SUM(`_n`) AS `_n`,
  SUM(`measure__n`) AS `measure__n`,
  CAST(SUM(`measure__sum`) AS DECIMAL(38, 0)) AS `measure__sum`
FROM segments
GROUP BY `shop`, `_tile`
