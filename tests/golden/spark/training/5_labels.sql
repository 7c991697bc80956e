SELECT `_partition`, `_offset`, `_next`.`value` AS `_label`, `_next`.`at` AS `_label_at`
FROM (
  SELECT *, LAST_VALUE(`_event`) IGNORE NULLS OVER (
    PARTITION BY `_key0`, `_key1`, `_chunk`
    ORDER BY `available_at` DESC, `_asks`, `_partition` DESC, `_offset` DESC
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS `_next`
  FROM (
    SELECT TRUE AS `_asks`, `event_id` AS `_key0`, `shop` AS `_key1`, (`available_at` - PMOD(`available_at`, 172800000)) AS `_chunk`, `available_at`, `_partition`, `_offset`,
      NULL AS `_event`
    FROM spine
    UNION ALL
    SELECT FALSE AS `_asks`, `event_id` AS `_key0`, `shop` AS `_key1`, EXPLODE(SEQUENCE((`available_at` - 172799999 - PMOD(`available_at` - 172799999, 172800000)), (`available_at` - PMOD(`available_at`, 172800000)), CAST(172800000 AS BIGINT))) AS `_chunk`,
      `available_at`, `_partition`, `_offset`,
      NAMED_STRUCT('at', `available_at`, 'value', CAST((`late` > CAST(1 AS BIGINT)) AS BOOLEAN)) AS `_event`
    FROM counted
    WHERE `available_at` >= CAST(1793491200000 AS BIGINT) AND `available_at` < CAST(1795392000000 AS BIGINT)
  )
  WHERE `_key0` IS NOT NULL AND `_key1` IS NOT NULL
)
WHERE `_asks` AND `_next`.`at` < `available_at` + 172800000
