SELECT `shop`,
  `event_time` - PMOD(`event_time`, 300000) AS `_tile`,
  COUNT(*) AS `_n`,
  COUNT(*) AS `measure__n`
FROM counted WHERE `shop` IS NOT NULL
GROUP BY `shop`, 2

SELECT `shop`,
  `_tile`,
  SUM(`_n`) AS `_n`,
  SUM(`measure__n`) AS `measure__n`
FROM segments
GROUP BY `shop`, `_tile`
