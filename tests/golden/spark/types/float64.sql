-- DOUBLE
SELECT `_topic`, `_partition`, `_offset`, `_append_time`, `_log_append`, `available_at`, `event_id`, `event_time`, `field`, `_reason`,
  CASE WHEN `_reason` IS NOT NULL THEN `_key` END AS `_key`,
  CASE WHEN `_reason` IS NOT NULL THEN `_body` END AS `_body`
FROM (
  SELECT *, CASE
    WHEN `_fault` IS NOT NULL THEN `_fault`
    WHEN COALESCE(`_kind:event_id`, 'VOID') = 'VOID' THEN 'event_id:missing'
    WHEN `event_id` IS NULL THEN 'event_id:type'
    WHEN COALESCE(`_kind:event_time`, 'VOID') = 'VOID' THEN 'event_time:missing'
    WHEN `event_time` IS NULL THEN 'event_time:type'
    WHEN COALESCE(`_kind:field`, 'VOID') = 'VOID' THEN 'field:missing'
    WHEN `field` IS NULL THEN 'field:type'
    WHEN `available_at` IS NULL THEN 'available_at:missing'
    WHEN `event_time` > `available_at` + 60000 THEN 'event_time:future'
  END AS `_reason`
  FROM (
    SELECT * EXCEPT (`available_at`),
      CASE WHEN `_partition` = -1 THEN CAST(NULL AS BIGINT) ELSE `available_at` END AS `available_at`
    FROM (
      SELECT *,
      NULLIF(CASE WHEN `_kind:event_id` = 'STRING' THEN variant_get(`_field:event_id`, '$', 'string') END, '') AS `event_id`,
      UNIX_MILLIS(TRY_CAST(SUBSTR(`_instant:event_time`, 1, LENGTH(`_instant:event_time`) - IF(ENDSWITH(`_instant:event_time`, 'Z'), 1, 6)) AS TIMESTAMP)) - IF(ENDSWITH(`_instant:event_time`, 'Z'), 0, IF(SUBSTR(`_instant:event_time`, -6, 1) = '-', -1, 1) * (TRY_CAST(SUBSTR(`_instant:event_time`, -5, 2) AS INT) * 60 + TRY_CAST(SUBSTR(`_instant:event_time`, -2, 2) AS INT)) * 60000) AS `event_time`,
      (NULLIF(NULLIF(GREATEST(LEAST(TRY_CAST(regexp_extract(CASE WHEN `_kind:field` <> 'STRING' THEN to_json(`_field:field`) END, r'\A(?:-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?)\z', 0) AS DOUBLE), 1.0000000000000003e+140D), -1.0000000000000003e+140D), 1.0000000000000003e+140D), -1.0000000000000003e+140D) + 0.0D) AS `field`
      FROM (SELECT *, regexp_extract(CASE WHEN `_kind:event_time` = 'STRING' THEN variant_get(`_field:event_time`, '$', 'string') END, r'\A(?:(?!9999-12-31T[0-9:.]*-)(?:1[6-9]|[2-9][0-9])[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))\z', 0) AS `_instant:event_time` FROM parsed)
    )
  )
)
