SELECT IF(`_chunk` = `_own`, 1, 2) AS `_kind`, * EXCEPT (`_own`)
FROM (
  SELECT EXPLODE(SEQUENCE(`_first`, `_last`, CAST(180000000 AS BIGINT))) AS `_chunk`, * EXCEPT (`_first`, `_last`)
  FROM (
  SELECT `shop` AS `_key:shop`, `till` AS `_key:till`, `available_at`, `event_time`, `_partition`, `_offset`, `event_id`,
  TRUE AS `_value:n`,
  `price` AS `_value:price`,
  `due` AS `_value:due`,
  (`available_at` - PMOD(`available_at`, 180000000)) AS `_own`, GREATEST((`available_at` - PMOD(`available_at`, 180000000)), CAST(1793340000000 AS BIGINT)) AS `_first`, LEAST(GREATEST((`available_at` - PMOD(`available_at`, 180000000)), (`event_time` + 90000000 - PMOD(`event_time` + 90000000, 180000000))), CAST(1795140000000 AS BIGINT)) AS `_last`
  FROM counted
  WHERE `shop` IS NOT NULL AND `till` IS NOT NULL AND `paid` AND `available_at` < CAST(1795219200000 AS BIGINT) AND `event_time` >= CAST(1793401200000 AS BIGINT)
  )
  WHERE `_first` <= `_last`
)
