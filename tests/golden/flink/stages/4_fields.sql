SELECT `_partition`, `_offset`, `_proctime`, `available_at`, `event_id`, `event_time`, `due`, `paid`, `price`, `shop`, `till`, `weight`,
  CASE WHEN `_fault` IS NOT NULL THEN `_fault`
    WHEN `event_id` IS NULL AND `_text:event_id` IN ('[null]', '[NULL]') THEN 'event_id:missing'
    WHEN `event_id` IS NULL THEN 'event_id:type'
    WHEN `event_time` IS NULL AND `_text:event_time` IN ('[null]', '[NULL]') THEN 'event_time:missing'
    WHEN `event_time` IS NULL THEN 'event_time:type'
    WHEN `due` IS NULL AND `_text:due` NOT IN ('[null]', '[NULL]') THEN 'due:type'
    WHEN `paid` IS NULL AND `_text:paid` IN ('[null]', '[NULL]') THEN 'paid:missing'
    WHEN `paid` IS NULL THEN 'paid:type'
    WHEN `price` IS NULL AND `_text:price` IN ('[null]', '[NULL]') THEN 'price:missing'
    WHEN `price` IS NULL THEN 'price:type'
    WHEN `shop` IS NULL AND `_text:shop` IN ('[null]', '[NULL]') THEN 'shop:missing'
    WHEN `shop` IS NULL THEN 'shop:type'
    WHEN `till` IS NULL AND `_text:till` NOT IN ('[null]', '[NULL]') THEN 'till:type'
    WHEN `weight` IS NULL AND `_text:weight` NOT IN ('[null]', '[NULL]') THEN 'weight:type' END AS `_fault`
FROM (
  SELECT *,
    CASE WHEN `_text:event_id` LIKE '["%' AND `_text:event_id` <> '[""]' THEN CASE WHEN `_text:event_id` LIKE '%\%' THEN JSON_UNQUOTE(SUBSTRING(`_text:event_id`, 2, CHAR_LENGTH(`_text:event_id`) - 2)) ELSE SUBSTRING(`_text:event_id`, 3, CHAR_LENGTH(`_text:event_id`) - 4) END END AS `event_id`,
    CASE WHEN RAND() < 2 THEN CASE WHEN REGEXP(`_text:event_time`, '\A\[(?:"(?!.{5}(?:02-3|(?:0[2469]|11)-31))(?!(?=.{5}02-29)(?!(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)))(?!9999-12-31T[0-9:.]*-)(?:1[6-9]|[2-9][0-9])[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])")\]\z') THEN CAST(TIMESTAMPDIFF(DAY, DATE '1970-01-01', TRY_CAST(SUBSTRING(`_text:event_time`, 3, 10) AS DATE)) AS BIGINT) * 86400000 + TRY_CAST(SUBSTRING(`_text:event_time`, 14, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(`_text:event_time`, 17, 2) AS BIGINT) * 60000 + TRY_CAST(SUBSTRING(`_text:event_time`, 20, 2) AS BIGINT) * 1000 + CASE WHEN SUBSTRING(`_text:event_time`, 22, 1) = '.' THEN COALESCE(TRY_CAST(SUBSTRING(`_text:event_time`, 23, 3) AS BIGINT) * 1, TRY_CAST(SUBSTRING(`_text:event_time`, 23, 2) AS BIGINT) * 10, TRY_CAST(SUBSTRING(`_text:event_time`, 23, 1) AS BIGINT) * 100) ELSE 0 END + CASE WHEN `_text:event_time` LIKE '%Z"]' THEN 0 WHEN LEFT(RIGHT(`_text:event_time`, 8), 1) = '-' THEN (TRY_CAST(SUBSTRING(RIGHT(`_text:event_time`, 8), 2, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(RIGHT(`_text:event_time`, 8), 5, 2) AS BIGINT) * 60000) ELSE -(TRY_CAST(SUBSTRING(RIGHT(`_text:event_time`, 8), 2, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(RIGHT(`_text:event_time`, 8), 5, 2) AS BIGINT) * 60000) END END END AS `event_time`,
    CASE WHEN REGEXP(`_text:due`, '\A\[(?:"(?!.{5}(?:02-3|(?:0[2469]|11)-31))(?!(?=.{5}02-29)(?!(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)))(?!9999-12-31T[0-9:.]*-)(?:1[6-9]|[2-9][0-9])[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])")\]\z') THEN CAST(TIMESTAMPDIFF(DAY, DATE '1970-01-01', TRY_CAST(SUBSTRING(`_text:due`, 3, 10) AS DATE)) AS BIGINT) * 86400000 + TRY_CAST(SUBSTRING(`_text:due`, 14, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(`_text:due`, 17, 2) AS BIGINT) * 60000 + TRY_CAST(SUBSTRING(`_text:due`, 20, 2) AS BIGINT) * 1000 + CASE WHEN SUBSTRING(`_text:due`, 22, 1) = '.' THEN COALESCE(TRY_CAST(SUBSTRING(`_text:due`, 23, 3) AS BIGINT) * 1, TRY_CAST(SUBSTRING(`_text:due`, 23, 2) AS BIGINT) * 10, TRY_CAST(SUBSTRING(`_text:due`, 23, 1) AS BIGINT) * 100) ELSE 0 END + CASE WHEN `_text:due` LIKE '%Z"]' THEN 0 WHEN LEFT(RIGHT(`_text:due`, 8), 1) = '-' THEN (TRY_CAST(SUBSTRING(RIGHT(`_text:due`, 8), 2, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(RIGHT(`_text:due`, 8), 5, 2) AS BIGINT) * 60000) ELSE -(TRY_CAST(SUBSTRING(RIGHT(`_text:due`, 8), 2, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(RIGHT(`_text:due`, 8), 5, 2) AS BIGINT) * 60000) END END AS `due`,
    CASE `_text:paid` WHEN '[true]' THEN TRUE WHEN '[false]' THEN FALSE END AS `paid`,
    CASE WHEN REGEXP(`_text:price`, '\A\[(?:"-?[0-9]{1,16}(\.[0-9]{1,2})?")\]\z') THEN CAST(TRY_CAST(SUBSTRING(`_text:price`, 3, CHAR_LENGTH(`_text:price`) - 4) AS DECIMAL(38, 2)) AS DECIMAL(18, 2)) END AS `price`,
    CASE WHEN `_text:shop` LIKE '["%' THEN CASE WHEN `_text:shop` LIKE '%\%' THEN JSON_UNQUOTE(SUBSTRING(`_text:shop`, 2, CHAR_LENGTH(`_text:shop`) - 2)) ELSE SUBSTRING(`_text:shop`, 3, CHAR_LENGTH(`_text:shop`) - 4) END END AS `shop`,
    CASE WHEN REGEXP(`_text:till`, '\A\[(?:-?(?:0|[1-9][0-9]{0,18}))\]\z') THEN TRY_CAST(SUBSTRING(`_text:till`, 2, CHAR_LENGTH(`_text:till`) - 2) AS BIGINT) END AS `till`,
    CASE WHEN REGEXP(`_text:weight`, '\A\[(?:-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\]\z') THEN CASE WHEN TRY_CAST(SUBSTRING(`_text:weight`, 2, CHAR_LENGTH(`_text:weight`) - 2) AS DOUBLE) = 0e0 THEN 0e0 ELSE CASE WHEN ABS(TRY_CAST(SUBSTRING(`_text:weight`, 2, CHAR_LENGTH(`_text:weight`) - 2) AS DOUBLE)) <= 1e+140 THEN TRY_CAST(SUBSTRING(`_text:weight`, 2, CHAR_LENGTH(`_text:weight`) - 2) AS DOUBLE) END END END AS `weight`
  FROM `available`
)
