SELECT part, pos, available_at, event_id, event_ms, carrier, origin, dest, tailnum, dep_delay, distance
FROM (
  SELECT *, LAG(available_at) OVER (PARTITION BY part, event_id ORDER BY proc) AS previous
  FROM (
    SELECT *, MAX(appended_ms) OVER (
      PARTITION BY part ORDER BY proc ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS available_at
    FROM (
      SELECT *,
        EXTRACT(EPOCH FROM event_time) * 1000 + EXTRACT(MILLISECOND FROM event_time) AS event_ms,
        EXTRACT(EPOCH FROM appended) * 1000 + EXTRACT(MILLISECOND FROM appended) AS appended_ms
      FROM departures
    )
  )
  WHERE event_id IS NOT NULL AND event_ms <= available_at + 60000
    AND carrier IS NOT NULL AND tailnum IS NOT NULL AND dest IS NOT NULL
    AND flight BETWEEN 1 AND 9999
    AND origin IN ('EWR', 'JFK', 'LGA') AND origin <> dest
    AND distance BETWEEN 1 AND 6000
    AND dep_delay BETWEEN -120 AND 2880
    AND (dep_delay > 0 AND event_time > scheduled_at OR dep_delay = 0 AND event_time = scheduled_at
      OR dep_delay < 0 AND event_time < scheduled_at)
)
WHERE previous IS NULL OR available_at - previous >= 86400000
