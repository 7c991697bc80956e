SELECT `_topic`, `_partition`, `_offset`, `_append_time`, `_log_append`, `available_at`, `event_id`, `event_time`, `due`, `paid`, `price`, `shop`, `till`, `weight`, `_reason`,
  CASE WHEN `_reason` IS NOT NULL THEN `_key` END AS `_key`,
  CASE WHEN `_reason` IS NOT NULL THEN `_body` END AS `_body`
FROM (
  SELECT *, CASE
    WHEN `_fault` IS NOT NULL THEN `_fault`
    WHEN COALESCE(`_kind:event_id`, 'VOID') = 'VOID' THEN 'event_id:missing'
    WHEN `event_id` IS NULL THEN 'event_id:type'
    WHEN COALESCE(`_kind:event_time`, 'VOID') = 'VOID' THEN 'event_time:missing'
    WHEN `event_time` IS NULL THEN 'event_time:type'
    WHEN COALESCE(`_kind:due`, 'VOID') <> 'VOID' AND `due` IS NULL THEN 'due:type'
    WHEN COALESCE(`_kind:paid`, 'VOID') = 'VOID' THEN 'paid:missing'
    WHEN `paid` IS NULL THEN 'paid:type'
    WHEN COALESCE(`_kind:price`, 'VOID') = 'VOID' THEN 'price:missing'
    WHEN `price` IS NULL THEN 'price:type'
    WHEN COALESCE(`_kind:shop`, 'VOID') = 'VOID' THEN 'shop:missing'
    WHEN `shop` IS NULL THEN 'shop:type'
    WHEN COALESCE(`_kind:till`, 'VOID') <> 'VOID' AND `till` IS NULL THEN 'till:type'
    WHEN COALESCE(`_kind:weight`, 'VOID') <> 'VOID' AND `weight` IS NULL THEN 'weight:type'
    WHEN `available_at` IS NULL THEN 'available_at:missing'
    WHEN `event_time` > `available_at` + 60000 THEN 'event_time:future'
    WHEN ((`weight` IS NULL) OR (`weight` < CAST('100.0' AS DOUBLE))) IS NOT TRUE THEN 'rule:light'
    WHEN (`price` > CAST('0.00' AS DECIMAL(18, 2))) IS NOT TRUE THEN 'rule:sold'
  END AS `_reason`
  FROM (
    SELECT * EXCEPT (`available_at`),
      CASE WHEN `_partition` = -1 THEN CAST(NULL AS BIGINT) ELSE `available_at` END AS `available_at`
    FROM (
      SELECT *,
      NULLIF(CASE WHEN `_kind:event_id` = 'STRING' THEN variant_get(`_field:event_id`, '$', 'string') END, '') AS `event_id`,
      UNIX_MILLIS(TRY_CAST(SUBSTR(`_instant:event_time`, 1, LENGTH(`_instant:event_time`) - IF(ENDSWITH(`_instant:event_time`, 'Z'), 1, 6)) AS TIMESTAMP)) - IF(ENDSWITH(`_instant:event_time`, 'Z'), 0, IF(SUBSTR(`_instant:event_time`, -6, 1) = '-', -1, 1) * (TRY_CAST(SUBSTR(`_instant:event_time`, -5, 2) AS INT) * 60 + TRY_CAST(SUBSTR(`_instant:event_time`, -2, 2) AS INT)) * 60000) AS `event_time`,
      UNIX_MILLIS(TRY_CAST(SUBSTR(`_instant:due`, 1, LENGTH(`_instant:due`) - IF(ENDSWITH(`_instant:due`, 'Z'), 1, 6)) AS TIMESTAMP)) - IF(ENDSWITH(`_instant:due`, 'Z'), 0, IF(SUBSTR(`_instant:due`, -6, 1) = '-', -1, 1) * (TRY_CAST(SUBSTR(`_instant:due`, -5, 2) AS INT) * 60 + TRY_CAST(SUBSTR(`_instant:due`, -2, 2) AS INT)) * 60000) AS `due`,
      CASE CASE WHEN `_kind:paid` <> 'STRING' THEN to_json(`_field:paid`) END WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END AS `paid`,
      TRY_CAST(regexp_extract(CASE WHEN `_kind:price` = 'STRING' THEN variant_get(`_field:price`, '$', 'string') END, r'\A(?:-?[0-9]{1,16}(\.[0-9]{1,2})?)\z', 0) AS DECIMAL(18, 2)) AS `price`,
      CASE WHEN `_kind:shop` = 'STRING' THEN variant_get(`_field:shop`, '$', 'string') END AS `shop`,
      TRY_CAST(regexp_extract(CASE WHEN `_kind:till` <> 'STRING' THEN to_json(`_field:till`) END, r'\A(?:-?(0|[1-9][0-9]{0,18}))\z', 0) AS BIGINT) AS `till`,
      (NULLIF(NULLIF(GREATEST(LEAST(TRY_CAST(regexp_extract(CASE WHEN `_kind:weight` <> 'STRING' THEN to_json(`_field:weight`) END, r'\A(?:-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?)\z', 0) AS DOUBLE), 1.0000000000000003e+140D), -1.0000000000000003e+140D), 1.0000000000000003e+140D), -1.0000000000000003e+140D) + 0.0D) AS `weight`
      FROM (SELECT *, regexp_extract(CASE WHEN `_kind:event_time` = 'STRING' THEN variant_get(`_field:event_time`, '$', 'string') END, r'\A(?:(?!9999-12-31T[0-9:.]*-)(?:1[6-9]|[2-9][0-9])[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))\z', 0) AS `_instant:event_time`, regexp_extract(CASE WHEN `_kind:due` = 'STRING' THEN variant_get(`_field:due`, '$', 'string') END, r'\A(?:(?!9999-12-31T[0-9:.]*-)(?:1[6-9]|[2-9][0-9])[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))\z', 0) AS `_instant:due` FROM parsed)
    )
  )
)
