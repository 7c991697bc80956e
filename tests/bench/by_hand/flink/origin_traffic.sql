SELECT origin, _tile, _epoch, COUNT(*), MAX(available_at),
  COUNT(*),
  COUNT(*), CAST(SUM(distance) AS STRING),
  COUNT(*), CAST(SUM(dep_delay) AS STRING),
  COUNT(*), CAST(SUM(CASE WHEN dep_delay > 0 THEN dep_delay ELSE 0 END) AS STRING),
  MAX(LPAD(CAST(event_ms + 100000000000000 AS STRING), 16, '0') || HEX(event_id) || ' '
    || LPAD(CAST(available_at + 100000000000000 AS STRING), 16, '0') || LPAD(CAST(part + 1 AS STRING), 10, '0')
    || LPAD(CAST(pos AS STRING), 19, '0') || ' ' || dest)
FROM (
  SELECT *, event_ms - MOD(event_ms, 300000) AS _tile, available_at - MOD(available_at, 60000) AS _epoch FROM counted
)
GROUP BY origin, _tile, _epoch
