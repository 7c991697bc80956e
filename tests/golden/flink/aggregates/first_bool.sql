SELECT `shop`, `_tile`, `_epoch`,
  COUNT(*) AS `_n`,
  MAX(`available_at`) AS `_available_at`,
  MIN(LPAD(CAST(`event_time` + 100000000000000 AS STRING), 16, '0') || HEX(`event_id`) || ' ' || LPAD(CAST(`available_at` + 100000000000000 AS STRING), 16, '0') || LPAD(CAST(`_partition` + 1 AS STRING), 10, '0') || LPAD(CAST(`_offset` AS STRING), 19, '0') || ' ' || CAST(CASE WHEN `paid` THEN 'true' WHEN NOT `paid` THEN 'false' END AS STRING)) AS `measure__first`
FROM (
  SELECT *,
    `event_time` - MOD(MOD(`event_time`, 300000) + 300000, 300000) AS `_tile`,
    `available_at` - MOD(MOD(`available_at`, 60000) + 60000, 60000) AS `_epoch`
  FROM `counted`
  WHERE `shop` IS NOT NULL
)
GROUP BY `shop`, `_tile`, `_epoch`
