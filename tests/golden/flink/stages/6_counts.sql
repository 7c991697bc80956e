SELECT `_partition`, `_offset`, `available_at`, `event_id`, `event_time`, `due`, `paid`, `price`, `shop`, `till`, `weight`
FROM (
  SELECT *, LAG(`available_at`) OVER (PARTITION BY `_partition`, `event_id` ORDER BY `_proctime`) AS `_previous`
  FROM `judged`
  WHERE `_reason` IS NULL
)
WHERE (`_previous` IS NULL OR `available_at` - `_previous` >= 3600000) AND `available_at` >= 60000
