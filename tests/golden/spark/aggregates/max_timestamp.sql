SELECT `shop`,
  `event_time` - PMOD(`event_time`, 300000) AS `_tile`,
  COUNT(*) AS `_n`,
  MAX(`due`) AS `measure__max`
FROM counted WHERE `shop` IS NOT NULL
GROUP BY `shop`, 2

SELECT `shop`,
  `_tile`,
  SUM(`_n`) AS `_n`,
  MAX(`measure__max`) AS `measure__max`
FROM segments
GROUP BY `shop`, `_tile`
