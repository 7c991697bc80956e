SELECT `event_id`, `available_at`, `_partition`, `_offset`, `event_time`, `due`, `paid`, `price`, `shop`, `till`, `weight`,
  `_previous` IS NULL OR `available_at` - `_previous` >= 3600000 AS `_counted`
FROM (
  SELECT *, LAG(`available_at`) OVER (PARTITION BY `_partition`, `event_id` ORDER BY `available_at`, `_offset`) AS `_previous`, LAG(`_offset`) OVER (PARTITION BY `_partition`, `event_id` ORDER BY `available_at`, `_offset`) AS `_previous_offset`
  FROM (
    SELECT `event_id`, `available_at`, `_partition`, `_offset`, `event_time`, `due`, `paid`, `price`, `shop`, `till`, `weight`, TRUE AS `_new` FROM judged WHERE `_reason` IS NULL
    UNION ALL
    SELECT `event_id`, `available_at`, `_partition`, `_offset`, NULL AS `event_time`, NULL AS `due`, NULL AS `paid`, NULL AS `price`, NULL AS `shop`, NULL AS `till`, NULL AS `weight`, FALSE AS `_new` FROM earlier
  )
)
WHERE `_new` AND (`_previous_offset` IS NULL OR `_previous_offset` <> `_offset`)
