// winston with the transport winston-cloudwatch: group, retention and stream are made, two batches follow one another.
import winston from "winston";
import WinstonCloudWatch from "winston-cloudwatch";

const [logGroupName, logStreamName] = process.argv.slice(2);
const errors = [];
const transport = new WinstonCloudWatch({
  logGroupName,
  logStreamName,
  retentionInDays: 7,
  uploadRate: 100,
  jsonMessage: true,
  awsOptions: { endpoint: process.env.AWS_ENDPOINT_URL },
  errorHandler: (error) => errors.push(String(error)),
});
const logger = winston.createLogger({ transports: [transport] });

const flush = () => new Promise((resolve, reject) => transport.kthxbye((error) => (error ? reject(error) : resolve())));

logger.info("first", { path: "/orders" });
// The transport swaps records of one millisecond.
await new Promise((resolve) => setTimeout(resolve, 2));
logger.error("second");
await flush();
logger.info("third");
await flush();
console.log(JSON.stringify({ errors }));
