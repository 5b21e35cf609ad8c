// The guide's two dashboards ("Monitoring Dashboards").
param environmentName string
param location string
param tags object
param workspaceId string

var books = [
  { name: 'Integrations', content: loadTextContent('../workbooks/integrations.json') }
  { name: 'Providers', content: loadTextContent('../workbooks/providers.json') }
]

resource workbooks 'Microsoft.Insights/workbooks@2023-06-01' = [
  for book in books: {
    name: guid(resourceGroup().id, book.name)
    location: location
    tags: tags
    kind: 'shared'
    properties: {
      displayName: '${book.name} (${environmentName})'
      category: 'workbook'
      sourceId: workspaceId
      serializedData: book.content
      version: '1.0'
    }
  }
]
