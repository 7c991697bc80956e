SELECT carrier, _tile, _epoch, COUNT(*), MAX(available_at),
  COUNT(*),
  COUNT(*), CAST(SUM(dep_delay) AS STRING),
  COUNT(*), CAST(SUM(CASE WHEN dep_delay > 15 THEN 1 ELSE 0 END) AS STRING),
  MAX(dep_delay),
  COUNT(*), SUM(CAST(dep_delay - 12 AS DOUBLE)), SUM(CAST((dep_delay - 12) * (dep_delay - 12) AS DOUBLE))
FROM (
  SELECT *, event_ms - MOD(event_ms, 300000) AS _tile, available_at - MOD(available_at, 60000) AS _epoch FROM counted
)
GROUP BY carrier, _tile, _epoch
