SELECT `_partition`, `_offset`, `_proctime`, `available_at`, `_text:event_id`, `_text:event_time`, `_text:due`, `_text:paid`, `_text:price`, `_text:shop`, `_text:till`, `_text:weight`, `_fault`
FROM (
  SELECT *, MAX(`_append_time`) OVER (
    PARTITION BY `_partition` ORDER BY `_proctime` ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS `available_at`
  FROM `parsed`
)
WHERE NOT `_tick`
