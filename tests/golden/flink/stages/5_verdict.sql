SELECT `_partition`, `_offset`, `_proctime`, `available_at`, `event_id`, `event_time`, `due`, `paid`, `price`, `shop`, `till`, `weight`,
  CASE WHEN `_fault` IS NOT NULL THEN `_fault`
    WHEN `event_time` > `available_at` + 60000 THEN 'event_time:future'
    WHEN ((`weight` IS NULL) OR (`weight` < CAST('100.0' AS DOUBLE))) IS NOT TRUE THEN 'rule:light'
    WHEN (`price` > CAST('0.00' AS DECIMAL(38, 2))) IS NOT TRUE THEN 'rule:sold' END AS `_reason`
FROM `typed`
