SELECT `_partition`, `_offset`, `_proctime`, `available_at`, `event_id`, `event_time`, `due`, `paid`, `price`, `shop`, `till`, `weight`, `_fault`
FROM (
  SELECT *, MAX(`_append_time`) OVER (
    PARTITION BY `_partition` ORDER BY `_proctime` ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS `available_at`
  FROM `typed`
)
WHERE NOT `_tick`
