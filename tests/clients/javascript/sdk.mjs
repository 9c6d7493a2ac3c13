// AWS SDK for JavaScript v3: makes a stream, puts, reads page by page, filters, and reports errors by name.
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
  StartLiveTailCommand,
  paginateDescribeLogGroups,
  paginateDescribeLogStreams,
  paginateFilterLogEvents,
} from "@aws-sdk/client-cloudwatch-logs";

const [logGroupName, logStreamName] = process.argv.slice(2);
const place = { logGroupName, logStreamName };
const client = new CloudWatchLogsClient({});
const report = {};

try {
  await client.send(new GetLogEventsCommand(place));
} catch (error) {
  report.missing = [error.name, error.message, error.$metadata.httpStatusCode, Boolean(error.$metadata.requestId)];
}

await client.send(new CreateLogGroupCommand({ logGroupName, tags: { team: "shop" } }));
await client.send(new CreateLogStreamCommand(place));
try {
  await client.send(new CreateLogStreamCommand(place));
} catch (error) {
  report.again = error.name;
}
await client.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 14 }));

const now = Date.now();
const logEvents = Array.from({ length: 7 }, (_, n) => ({ timestamp: now + n, message: `${n} ${n % 2 ? "ERROR" : "ok"} ü` }));
const put = await client.send(new PutLogEventsCommand({ ...place, logEvents }));
report.put = [typeof put.nextSequenceToken, put.rejectedLogEventsInfo ?? null];

report.read = [];
let token;
for (;;) {
  const page = await client.send(new GetLogEventsCommand({ ...place, startFromHead: true, limit: 3, nextToken: token }));
  if (page.nextForwardToken === token) break;
  report.read.push(page.events.map((event) => event.message));
  token = page.nextForwardToken;
}

const filtered = await client.send(new FilterLogEventsCommand({ logGroupName, filterPattern: "ERROR" }));
report.filtered = filtered.events.map((event) => event.message);

async function all(pages, member) {
  const lists = [];
  for await (const page of pages) lists.push(page[member].length);
  return lists;
}
report.pages = {
  events: await all(paginateFilterLogEvents({ client, pageSize: 3 }, { logGroupName }), "events"),
  groups: await all(paginateDescribeLogGroups({ client, pageSize: 1 }, { logGroupNamePrefix: logGroupName }), "logGroups"),
  streams: await all(paginateDescribeLogStreams({ client, pageSize: 1 }, { logGroupName }), "logStreams"),
};

const described = await paginateDescribeLogGroups({ client }, { logGroupNamePrefix: logGroupName }).next();
const group = described.value.logGroups[0];
report.group = [group.retentionInDays, group.creationTime > 0];

// SDKs put a word before the host of this operation, which an address of digits cannot take.
const local = new CloudWatchLogsClient({ disableHostPrefix: true });
const tail = await local.send(new StartLiveTailCommand({ logGroupIdentifiers: [group.logGroupArn] }));
report.tail = [];
for await (const event of tail.responseStream) {
  if (event.sessionStart) {
    report.tail.push(event.sessionStart.logGroupIdentifiers[0] === group.logGroupArn);
    await client.send(new PutLogEventsCommand({ ...place, logEvents: [{ timestamp: Date.now(), message: "live" }] }));
  }
  const results = event.sessionUpdate?.sessionResults ?? [];
  if (results.length) {
    report.tail.push(...results.map((result) => result.message));
    break;
  }
}
local.destroy();
client.destroy();
console.log(JSON.stringify(report));
