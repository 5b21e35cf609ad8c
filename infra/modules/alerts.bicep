// The guide's thresholds ("Alerting Thresholds"), and what the services themselves can tell.
// A critical alert goes to whoever is on call, a warning to the team.
param environmentName string
param location string
param tags object
param onCallEmail string
param teamEmail string
param workspaceId string
param cosmosId string
param serviceBusId string
param keyVaultId string
param archiveId string
param hostStorageId string

@description('Messages that wait in a queue.')
param queueDepth int = 10000

var declared = loadJsonContent('../declared.json')

// One line of the app's log is one JSON object (guide, "Structured Logging Format").
var lines = 'AppTraces | extend line = parse_json(Message) | extend said = tostring(line.message), code = tostring(line.error.code), source = tostring(line.error.source), integration = strcat(line.context.tenantId, \'/\', line.context.integrationId)'
var runs = '${lines} | where said in (\'A sync run has ended\', \'A sync run has failed\')'
var errorRate = '${runs} | summarize failed = countif(said == \'A sync run has failed\'), total = count() | where total >= 20 | project rate = 100.0 * failed / total'
// Only HTTP requests have an address; queue messages, which may take minutes, and timers are requests here too.
var latency = 'AppRequests | where isnotempty(Url) and Name !startswith \'Health\' | summarize requests = count(), p95 = percentile(DurationMs, 95) | where requests >= 20 | project p95'
// A connection is an integration's: one that is tried again and again is one. Our own services fail with the same codes.
var connectionFailures = '${lines} | where said in (\'A sync run has failed\', \'A message was not handled\') | where code == \'credentials_rejected\' or (source == \'provider\' and code in (\'unavailable\', \'access_denied\')) | summarize connections = dcount(integration)'
// The app takes dead letters off at once (DeadLetterProcessor), so the queues' own figure rarely shows them.
var deadLetters = '${lines} | where said == \'A message could not be handled\' | project said'
// A step that a limit held up for longer than it may wait, or that the provider sent away.
var rateLimits = '${lines} | where said in (\'A sync run has failed\', \'A message was not handled\') and code == \'rate_limited\' and source == \'provider\' | summarize integrations = dcount(integration)'
var tokens = '${lines} | where said == \'A connection could not be refreshed\' or said startswith \'An access token could not be renewed yet\' | summarize connections = dcount(integration)'
// HealthMonitor writes its line every five minutes. A summary without groups has a row even where there is no line.
var silence = '${lines} | where said == \'Integrations were counted\' | summarize signs = count() | where signs == 0'
// Messages that came, and those that were completed, of all queues together.
var processing = 'AzureMetrics | where ResourceProvider == \'MICROSOFT.SERVICEBUS\' | summarize came = sumif(Total, MetricName == \'IncomingMessages\'), done = sumif(Total, MetricName == \'CompleteMessage\') | where came >= 100 | project behind = 100.0 * (came - done) / came'
var failedSignIns = 'AppRequests | where ResultCode == \'401\' | project Name'

var logAlerts = [
  { name: 'error-rate-critical', query: errorRate, measure: 'rate', threshold: 20, severity: 1, window: 'PT1H', says: 'Over 20 % of the syncs of the last hour failed.' }
  { name: 'error-rate-warning', query: errorRate, measure: 'rate', threshold: 5, severity: 2, window: 'PT1H', says: 'Over 5 % of the syncs of the last hour failed.' }
  { name: 'latency-critical', query: latency, measure: 'p95', threshold: 10000, severity: 1, window: 'PT15M', says: 'One answer in twenty takes over 10 s.' }
  { name: 'latency-warning', query: latency, measure: 'p95', threshold: 5000, severity: 2, window: 'PT15M', says: 'One answer in twenty takes over 5 s.' }
  { name: 'connection-failures-critical', query: connectionFailures, measure: 'connections', threshold: 10, severity: 1, window: 'PT1H', says: 'Over 10 connections failed in the last hour.' }
  { name: 'connection-failures-warning', query: connectionFailures, measure: 'connections', threshold: 3, severity: 2, window: 'PT1H', says: 'Over 3 connections failed in the last hour.' }
  { name: 'dead-letters', query: deadLetters, measure: '', threshold: 0, severity: 2, window: 'PT15M', says: 'Messages were given up; the container dead-letters holds them.' }
  { name: 'rate-limits', query: rateLimits, measure: 'integrations', threshold: 0, severity: 2, window: 'PT15M', says: 'Integrations exceed a rate limit.' }
  { name: 'token-refresh', query: tokens, measure: 'connections', threshold: 0, severity: 2, window: 'PT15M', says: 'Tokens of a connection could not be renewed.' }
  { name: 'app-silent', query: silence, measure: '', threshold: 0, severity: 1, window: 'PT10M', says: 'The app gives no sign of life.' }
  { name: 'messages-fall-behind', query: processing, measure: 'behind', threshold: 50, severity: 2, window: 'PT30M', says: 'Less than half of the messages that come are processed.' }
  { name: 'failed-sign-ins', query: failedSignIns, measure: '', threshold: 20, severity: 2, window: 'PT15M', says: 'Over 20 sign-ins failed in a quarter of an hour.' }
]

// How Azure Storage's metrics call it.
var throttled = ['ClientThrottlingError', 'ServerBusyError']
var metricAlerts = [
  { name: 'queue-depth', resource: serviceBusId, metric: 'ActiveMessages', dimension: 'EntityName', values: ['*'], how: 'Average', threshold: queueDepth, severity: 2, says: 'Messages pile up in a queue.' }
  { name: 'dead-letters-stay', resource: serviceBusId, metric: 'DeadletteredMessages', dimension: 'EntityName', values: ['*'], how: 'Minimum', threshold: 0, severity: 2, says: 'Nobody takes dead letters off a queue.' }
  { name: 'queues-throttled', resource: serviceBusId, metric: 'ThrottledRequests', dimension: 'EntityName', values: ['*'], how: 'Total', threshold: 10, severity: 2, says: 'Service Bus throttles.' }
  { name: 'vault-throttled', resource: keyVaultId, metric: 'ServiceApiResult', dimension: 'StatusCode', values: ['429'], how: 'Count', threshold: 10, severity: 2, says: 'Key Vault throttles.' }
  { name: 'archive-throttled', resource: archiveId, metric: 'Transactions', dimension: 'ResponseType', values: throttled, how: 'Total', threshold: 10, severity: 2, says: 'The archive throttles.' }
  { name: 'host-storage-throttled', resource: hostStorageId, metric: 'Transactions', dimension: 'ResponseType', values: throttled, how: 'Total', threshold: 10, severity: 2, says: 'The storage of the Functions host throttles.' }
  { name: 'store-throttled', resource: cosmosId, metric: 'TotalRequests', dimension: 'StatusCode', values: ['429'], how: 'Count', threshold: 100, severity: 2, says: 'Cosmos DB throttles: more request units are needed.' }
]

resource onCall 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${environmentName}-on-call'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'on-call'
    enabled: true
    emailReceivers: [{ name: 'on-call', emailAddress: onCallEmail, useCommonAlertSchema: true }]
  }
}

resource team 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${environmentName}-team'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'team'
    enabled: true
    emailReceivers: [{ name: 'team', emailAddress: teamEmail, useCommonAlertSchema: true }]
  }
}

resource fromLogs 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in logAlerts: {
    name: 'alert-${environmentName}-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.says
      description: alert.says
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: alert.window
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: empty(alert.measure) ? 'Count' : 'Maximum'
            metricMeasureColumn: empty(alert.measure) ? null : alert.measure
            operator: 'GreaterThan'
            threshold: alert.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: [alert.severity < 2 ? onCall.id : team.id] }
      autoMitigate: true
    }
  }
]

resource fromMetrics 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in metricAlerts: {
    name: 'alert-${environmentName}-${alert.name}'
    location: 'global'
    tags: tags
    properties: {
      description: alert.says
      severity: alert.severity
      enabled: true
      scopes: [alert.resource]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: alert.name
            criterionType: 'StaticThresholdCriterion'
            metricName: alert.metric
            dimensions: [{ name: alert.dimension, operator: 'Include', values: alert.values }]
            timeAggregation: alert.how
            operator: 'GreaterThan'
            threshold: alert.threshold
          }
        ]
      }
      actions: [{ actionGroupId: team.id }]
      autoMitigate: true
    }
  }
]

// Messages wait and none is completed: the app takes none, or fails with each. A rule for each queue: one that
// stands still must not hide behind another that works, nor an empty one make it look empty.
resource standingStill 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for queue in declared.queues: {
    name: 'alert-${environmentName}-${queue.name}-stands-still'
    location: 'global'
    tags: tags
    properties: {
      description: 'Messages wait in ${queue.name} and none is completed.'
      severity: 1
      enabled: true
      scopes: [serviceBusId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: 'waiting'
            criterionType: 'StaticThresholdCriterion'
            metricName: 'ActiveMessages'
            dimensions: [{ name: 'EntityName', operator: 'Include', values: [queue.name] }]
            timeAggregation: 'Minimum'
            operator: 'GreaterThan'
            threshold: 0
          }
          {
            name: 'completed'
            criterionType: 'StaticThresholdCriterion'
            metricName: 'CompleteMessage'
            dimensions: [{ name: 'EntityName', operator: 'Include', values: [queue.name] }]
            timeAggregation: 'Total'
            operator: 'LessThan'
            threshold: 1
          }
        ]
      }
      actions: [{ actionGroupId: onCall.id }]
      autoMitigate: true
    }
  }
]
