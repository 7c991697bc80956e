SELECT `shop`, `_tile`, `_epoch`,
  COUNT(*) AS `_n`,
  MAX(`available_at`) AS `_available_at`,
  COUNT((`weight` > CAST('1.0' AS DOUBLE))) AS `measure__n`,
  CAST(SUM(CAST(CASE WHEN (`weight` > CAST('1.0' AS DOUBLE)) THEN 1 WHEN NOT (`weight` > CAST('1.0' AS DOUBLE)) THEN 0 END AS BIGINT)) AS STRING) AS `measure__sum`
FROM (
  SELECT *,
    `event_time` - MOD(MOD(`event_time`, 300000) + 300000, 300000) AS `_tile`,
    `available_at` - MOD(MOD(`available_at`, 60000) + 60000, 60000) AS `_epoch`
  FROM `counted`
  WHERE `shop` IS NOT NULL
)
GROUP BY `shop`, `_tile`, `_epoch`
