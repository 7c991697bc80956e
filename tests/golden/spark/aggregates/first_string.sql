SELECT `shop`,
  `event_time` - PMOD(`event_time`, 300000) AS `_tile`,
  COUNT(*) AS `_n`,
  MIN(CONCAT(`_pick`, CAST(`shop` AS STRING))) AS `measure__first`
FROM (SELECT *, CONCAT(LPAD(CAST(`event_time` + 100000000000000 AS STRING), 16, '0'), HEX(`event_id`), ' ', LPAD(CAST(`available_at` + 100000000000000 AS STRING), 16, '0'), LPAD(CAST(`_partition` + 1 AS STRING), 10, '0'), LPAD(CAST(`_offset` AS STRING), 19, '0'), ' ') AS `_pick` FROM counted) WHERE `shop` IS NOT NULL
GROUP BY `shop`, 2

SELECT `shop`,
  `_tile`,
  SUM(`_n`) AS `_n`,
  MIN(`measure__first`) AS `measure__first`
FROM segments
GROUP BY `shop`, `_tile`
