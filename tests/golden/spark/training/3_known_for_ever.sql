SELECT IF(`_chunk` = `_own`, 1, 2) AS `_kind`, * EXCEPT (`_own`)
FROM (
  SELECT EXPLODE(SEQUENCE(`_first`, `_last`, CAST(27000000 AS BIGINT))) AS `_chunk`, * EXCEPT (`_first`, `_last`)
  FROM (
  SELECT `shop` AS `_key:shop`, `available_at`, `event_time`, `_partition`, `_offset`, `event_id`,
  TRUE AS `_value:n`,
  `price` AS `_value:income`,
  `weight` AS `_value:least`,
  `due` AS `_value:due`,
  `weight` AS `_value:w`,
  (`available_at` - PMOD(`available_at`, 27000000)) AS `_own`, GREATEST((`available_at` - PMOD(`available_at`, 27000000)), CAST(1793475000000 AS BIGINT)) AS `_first`, LEAST((`available_at` - PMOD(`available_at`, 27000000)), CAST(1795203000000 AS BIGINT)) AS `_last`
  FROM counted
  WHERE `shop` IS NOT NULL AND `available_at` < CAST(1795219200000 AS BIGINT)
  )
  WHERE `_first` <= `_last`
)
