// pino writing into pino-cloudwatch, which still runs on the AWS SDK for JavaScript v2.
const AWS = require("aws-sdk");
const pino = require("pino");
const cloudwatch = require("pino-cloudwatch");

// That SDK does not read AWS_ENDPOINT_URL, and the transport has no option for it.
AWS.config.update({ cloudwatchlogs: { endpoint: process.env.AWS_ENDPOINT_URL } });

const [group, stream] = process.argv.slice(2);
const sink = cloudwatch({ group, stream, interval: 100 }, (error) => fail(error));
const logger = pino({ base: undefined }, sink);

function fail(error) {
  console.error(error);
  process.exit(1);
}

function flushed() {
  return new Promise((resolve) => sink.once("flushed", resolve));
}

async function main() {
  let done = flushed();
  logger.info({ path: "/orders" }, "first");
  logger.error("second");
  await done;
  done = flushed();
  logger.warn("third");
  await done;
  console.log(JSON.stringify({ errors: [] }));
  process.exit(0);
}

main();
