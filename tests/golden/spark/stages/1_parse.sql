SELECT *, schema_of_variant(`_field:event_id`) AS `_kind:event_id`, schema_of_variant(`_field:event_time`) AS `_kind:event_time`, schema_of_variant(`_field:due`) AS `_kind:due`, schema_of_variant(`_field:paid`) AS `_kind:paid`, schema_of_variant(`_field:price`) AS `_kind:price`, schema_of_variant(`_field:shop`) AS `_kind:shop`, schema_of_variant(`_field:till`) AS `_kind:till`, schema_of_variant(`_field:weight`) AS `_kind:weight`
FROM (
  SELECT `_topic`, `_partition`, `_offset`, `_append_time`, `_log_append`, `available_at`, `_key`, `_body`,
    CASE WHEN `_fault` IS NOT NULL THEN `_fault` WHEN `_json` IS NULL THEN 'not_json_object' END AS `_fault`,
    variant_get(`_json`, '$.event_id', 'variant') AS `_field:event_id`,
    variant_get(`_json`, '$.event_time', 'variant') AS `_field:event_time`,
    variant_get(`_json`, '$.due', 'variant') AS `_field:due`,
    variant_get(`_json`, '$.paid', 'variant') AS `_field:paid`,
    variant_get(`_json`, '$.price', 'variant') AS `_field:price`,
    variant_get(`_json`, '$.shop', 'variant') AS `_field:shop`,
    variant_get(`_json`, '$.till', 'variant') AS `_field:till`,
    variant_get(`_json`, '$.weight', 'variant') AS `_field:weight`
  FROM (
    SELECT *,
      CASE WHEN `_fault` IS NULL AND `_string` RLIKE r'\A[ \t\n\r]*\{' THEN try_parse_json(`_string`) END AS `_json`
    FROM (
      SELECT *, CASE
        WHEN NOT `_log_append` THEN 'timestamp_type'
        WHEN `_body` IS NULL THEN 'null_body'
        WHEN NOT is_valid_utf8(`_string`) OR CONTAINS(`_string`, '�') THEN 'not_utf8'
        WHEN CONTAINS(`_string`, r'\') AND `_string` RLIKE r'(?=\\)(?<!\\)(?<!\\u[dD][89a-fA-F][0-9a-fA-F]{2})(?:\\\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2})?+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+\\u[dD][89a-fA-F]' THEN 'lone_surrogate'
      END AS `_fault`
      FROM (
        SELECT `topic` AS `_topic`, `_partition`, `_offset`, `append_time` AS `_append_time`,
          `log_append` AS `_log_append`, `available_at`, `key` AS `_key`, `body` AS `_body`,
          CAST(`body` AS STRING) AS `_string`
        FROM raw
        WHERE NOT `tick`
      )
    )
  )
)
