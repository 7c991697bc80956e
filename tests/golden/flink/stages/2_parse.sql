SELECT `_partition`, `_offset`, `_proctime`, `_append_time`, `_tick`,
  CASE WHEN `_append_time` IS NULL THEN 'timestamp_type'
    WHEN `_fault` IS NOT NULL THEN `_fault`
    WHEN `_json` IS NULL THEN 'not_json_object' END AS `_fault`,
  CASE WHEN RAND() < 2 THEN JSON_STRING(`_json`['event_id']) END AS `_text:event_id`,
  JSON_STRING(`_json`['event_time']) AS `_text:event_time`,
  JSON_STRING(`_json`['due']) AS `_text:due`,
  JSON_STRING(`_json`['paid']) AS `_text:paid`,
  JSON_STRING(`_json`['price']) AS `_text:price`,
  JSON_STRING(`_json`['shop']) AS `_text:shop`,
  JSON_STRING(`_json`['till']) AS `_text:till`,
  JSON_STRING(`_json`['weight']) AS `_text:weight`
FROM (
  SELECT *,
    CASE WHEN `_body` IS NULL THEN 'null_body'
      WHEN NOT REGEXP(`_body`, '[\\\uFFFD]') THEN CAST(NULL AS STRING)
      WHEN REGEXP(`_body`, '\uFFFD') THEN 'not_utf8'
      WHEN REGEXP(`_body`, '(?=\\)(?<!\\)(?<!\\u[dD][89a-fA-F][0-9a-fA-F]{2})(?:\\\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2})?+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+\\u[dD][89a-fA-F]') THEN 'lone_surrogate' END AS `_fault`,
    CASE WHEN RAND() < 2 THEN CASE WHEN REGEXP(`_body`, '\A[ \t\n\r]*\{') THEN TRY_PARSE_JSON(`_body`) END END AS `_json`
  FROM `received`
)
