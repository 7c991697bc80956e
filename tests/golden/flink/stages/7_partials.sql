SELECT `paid`, `shop`, `till`, `_tile`, `_epoch`,
  COUNT(*) AS `_n`,
  MAX(`available_at`) AS `_available_at`,
  COUNT(*) AS `sales__n`
FROM (
  SELECT *,
    MOD(`event_time`, 1) AS `_tile`,
    `available_at` - MOD(MOD(`available_at`, 60000) + 60000, 60000) AS `_epoch`
  FROM `counted`
  WHERE `paid` IS NOT NULL AND `shop` IS NOT NULL AND `till` IS NOT NULL AND (`price` > CAST('1.00' AS DECIMAL(38, 2)))
)
GROUP BY `paid`, `shop`, `till`, `_tile`, `_epoch`
