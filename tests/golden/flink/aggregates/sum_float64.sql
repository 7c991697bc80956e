SELECT `shop`, `_tile`, `_epoch`,
  COUNT(*) AS `_n`,
  MAX(`available_at`) AS `_available_at`,
  COUNT(`weight`) AS `measure__n`,
  SUM(`weight`) AS `measure__sum`
FROM (
  SELECT *,
    `event_time` - MOD(MOD(`event_time`, 300000) + 300000, 300000) AS `_tile`,
    `available_at` - MOD(MOD(`available_at`, 60000) + 60000, 60000) AS `_epoch`
  FROM `counted`
  WHERE `shop` IS NOT NULL
)
GROUP BY `shop`, `_tile`, `_epoch`
