CREATE TABLE `speed.run.view` (
  `paid` BOOLEAN,
  `shop` STRING,
  `till` BIGINT,
  `_tile` BIGINT,
  `_epoch` BIGINT,
  `_n` BIGINT,
  `_available_at` BIGINT,
  `sales__n` BIGINT,
  PRIMARY KEY (`paid`, `shop`, `till`, `_tile`, `_epoch`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'speed.run.view',
  'properties.bootstrap.servers' = 'kafka',
  'properties.linger.ms' = '0',
  'properties.buffer.memory' = '4194304',
  'key.format' = 'json',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
)
