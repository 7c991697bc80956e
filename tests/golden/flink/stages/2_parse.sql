SELECT `_partition`, `_offset`, `_proctime`, `_append_time`, `_tick`,
  CASE WHEN `_append_time` IS NULL THEN 'timestamp_type'
    WHEN `_fault` IS NOT NULL THEN `_fault`
    WHEN `_json` IS NULL THEN 'not_json_object' END AS `_fault`,
  CASE WHEN RAND() < 2 THEN CAST(ARRAY[`_json`['event_id']] AS STRING) END AS `_text:event_id`,
  CAST(ARRAY[`_json`['event_time']] AS STRING) AS `_text:event_time`,
  CAST(ARRAY[`_json`['due']] AS STRING) AS `_text:due`,
  CAST(ARRAY[`_json`['paid']] AS STRING) AS `_text:paid`,
  CAST(ARRAY[`_json`['price']] AS STRING) AS `_text:price`,
  CAST(ARRAY[`_json`['shop']] AS STRING) AS `_text:shop`,
  CAST(ARRAY[`_json`['till']] AS STRING) AS `_text:till`,
  CAST(ARRAY[`_json`['weight']] AS STRING) AS `_text:weight`
FROM (
  SELECT *,
    CASE WHEN `_body` IS NULL THEN 'null_body'
      WHEN REGEXP(`_body`, '\uFFFD') THEN 'not_utf8'
      WHEN `_body` LIKE '%\%' AND REGEXP(`_body`, '(?=\\)(?<!\\)(?<!\\u[dD][89a-fA-F][0-9a-fA-F]{2})(?:\\\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2})?+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+\\u[dD][89a-fA-F]') THEN 'lone_surrogate'
      END AS `_fault`,
    CASE WHEN RAND() < 2 THEN CASE WHEN REGEXP(`_body`, '\A[ \t\n\r]*\{') THEN TRY_PARSE_JSON(`_body`) END END AS `_json`
  FROM `received`
)
