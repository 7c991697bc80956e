SELECT `_partition`, `_offset`, `_proctime`, `_append_time`, `_tick`, `event_id`, `event_time`, `due`, `paid`, `price`, `shop`, `till`, `weight`,
  CASE WHEN `_fault` IS NOT NULL THEN `_fault`
    WHEN `_text:event_id` IS NULL OR `_text:event_id` = 'null' THEN 'event_id:missing'
    WHEN `event_id` IS NULL THEN 'event_id:type'
    WHEN `_text:event_time` IS NULL OR `_text:event_time` = 'null' THEN 'event_time:missing'
    WHEN `event_time` IS NULL THEN 'event_time:type'
    WHEN `_text:due` <> 'null' AND `due` IS NULL THEN 'due:type'
    WHEN `_text:paid` IS NULL OR `_text:paid` = 'null' THEN 'paid:missing'
    WHEN `paid` IS NULL THEN 'paid:type'
    WHEN `_text:price` IS NULL OR `_text:price` = 'null' THEN 'price:missing'
    WHEN `price` IS NULL THEN 'price:type'
    WHEN `_text:shop` IS NULL OR `_text:shop` = 'null' THEN 'shop:missing'
    WHEN `shop` IS NULL THEN 'shop:type'
    WHEN `_text:till` <> 'null' AND `till` IS NULL THEN 'till:type'
    WHEN `_text:weight` <> 'null' AND `weight` IS NULL THEN 'weight:type' END AS `_fault`
FROM (
  SELECT *,
    CASE WHEN `_text:event_id` LIKE '"%' AND `_text:event_id` <> '""' THEN CASE WHEN `_text:event_id` LIKE '%\%' THEN JSON_UNQUOTE(`_text:event_id`) ELSE TRIM(BOTH '"' FROM `_text:event_id`) END END AS `event_id`,
    CASE WHEN RAND() < 2 THEN CASE WHEN REGEXP(`_text:event_time`, '\A(?:"(?!.{5}(02-3|(0[2469]|11)-31))(?!(?!([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)).{5}02-29)(?!9999-12-31T[0-9:.]*-)(1[6-9]|[2-9][0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])")\z') THEN CAST(TIMESTAMPDIFF(DAY, DATE '1970-01-01', TRY_CAST(SUBSTRING(`_text:event_time`, 2, 10) AS DATE)) AS BIGINT) * 86400000 + TRY_CAST(SUBSTRING(`_text:event_time`, 13, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(`_text:event_time`, 16, 2) AS BIGINT) * 60000 + TRY_CAST(SUBSTRING(`_text:event_time`, 19, 2) AS BIGINT) * 1000 + CASE WHEN SUBSTRING(`_text:event_time`, 21, 1) = '.' THEN TRY_CAST(RPAD(REGEXP_EXTRACT(`_text:event_time`, '\.([0-9]{1,3})', 1), 3, '0') AS BIGINT) ELSE 0 END + CASE WHEN `_text:event_time` LIKE '%Z"' THEN 0 WHEN LEFT(RIGHT(`_text:event_time`, 7), 1) = '-' THEN (TRY_CAST(SUBSTRING(RIGHT(`_text:event_time`, 7), 2, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(RIGHT(`_text:event_time`, 7), 5, 2) AS BIGINT) * 60000) ELSE -(TRY_CAST(SUBSTRING(RIGHT(`_text:event_time`, 7), 2, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(RIGHT(`_text:event_time`, 7), 5, 2) AS BIGINT) * 60000) END END END AS `event_time`,
    CASE WHEN REGEXP(`_text:due`, '\A(?:"(?!.{5}(02-3|(0[2469]|11)-31))(?!(?!([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)).{5}02-29)(?!9999-12-31T[0-9:.]*-)(1[6-9]|[2-9][0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])")\z') THEN CAST(TIMESTAMPDIFF(DAY, DATE '1970-01-01', TRY_CAST(SUBSTRING(`_text:due`, 2, 10) AS DATE)) AS BIGINT) * 86400000 + TRY_CAST(SUBSTRING(`_text:due`, 13, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(`_text:due`, 16, 2) AS BIGINT) * 60000 + TRY_CAST(SUBSTRING(`_text:due`, 19, 2) AS BIGINT) * 1000 + CASE WHEN SUBSTRING(`_text:due`, 21, 1) = '.' THEN TRY_CAST(RPAD(REGEXP_EXTRACT(`_text:due`, '\.([0-9]{1,3})', 1), 3, '0') AS BIGINT) ELSE 0 END + CASE WHEN `_text:due` LIKE '%Z"' THEN 0 WHEN LEFT(RIGHT(`_text:due`, 7), 1) = '-' THEN (TRY_CAST(SUBSTRING(RIGHT(`_text:due`, 7), 2, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(RIGHT(`_text:due`, 7), 5, 2) AS BIGINT) * 60000) ELSE -(TRY_CAST(SUBSTRING(RIGHT(`_text:due`, 7), 2, 2) AS BIGINT) * 3600000 + TRY_CAST(SUBSTRING(RIGHT(`_text:due`, 7), 5, 2) AS BIGINT) * 60000) END END AS `due`,
    CASE `_text:paid` WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END AS `paid`,
    CASE WHEN REGEXP(`_text:price`, '\A(?:"-?[0-9]{1,16}(\.[0-9]{1,2})?")\z') THEN CAST(TRY_CAST(SUBSTRING(`_text:price`, 2, CHAR_LENGTH(`_text:price`) - 2) AS DECIMAL(38, 2)) AS DECIMAL(18, 2)) END AS `price`,
    CASE WHEN `_text:shop` LIKE '"%' THEN CASE WHEN `_text:shop` LIKE '%\%' THEN JSON_UNQUOTE(`_text:shop`) ELSE TRIM(BOTH '"' FROM `_text:shop`) END END AS `shop`,
    CASE WHEN REGEXP(`_text:till`, '\A(?:-?(0|[1-9][0-9]{0,18}))\z') THEN TRY_CAST(`_text:till` AS BIGINT) END AS `till`,
    CASE WHEN REGEXP(`_text:weight`, '\A(?:-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?)\z') THEN CASE WHEN TRY_CAST(`_text:weight` AS DOUBLE) = 0e0 THEN 0e0 ELSE CASE WHEN ABS(TRY_CAST(`_text:weight` AS DOUBLE)) <= 1e+140 THEN TRY_CAST(`_text:weight` AS DOUBLE) END END END AS `weight`
  FROM `parsed`
)
