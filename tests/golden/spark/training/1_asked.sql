SELECT 0 AS `_kind`, (`available_at` - PMOD(`available_at`, 180000000)) AS `_chunk`, `shop` AS `_key:shop`, `till` AS `_key:till`,
  `available_at`, `_partition`, `_offset`
FROM spine
WHERE `shop` IS NOT NULL AND `till` IS NOT NULL
