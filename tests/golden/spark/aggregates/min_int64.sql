SELECT `shop`,
  `event_time` - PMOD(`event_time`, 300000) AS `_tile`,
  COUNT(*) AS `_n`,
  MIN(`till`) AS `measure__min`
FROM counted WHERE `shop` IS NOT NULL
GROUP BY `shop`, 2

SELECT `shop`,
  `_tile`,
  SUM(`_n`) AS `_n`,
  MIN(`measure__min`) AS `measure__min`
FROM segments
GROUP BY `shop`, `_tile`
