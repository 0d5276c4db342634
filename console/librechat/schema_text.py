"""The shape of librechat.yaml, as data: one description, in which each key says from which release to which it holds.

Notation: ``key!`` is required, ``key[0.8.3..]`` holds from that release on, ``key[..0.8.2]`` up to it; ``strict{}``
refuses unknown keys, ``[T]+`` wants an item at least, ``rec<T>`` is a mapping of any keys, ``~name`` is a condition
known to ``schema``. Measured are v0.7.2, v0.8.2 and v0.8.7; between them a key counts as known from the release behind
the older one on, so that a file is never blamed for what its release may well accept.

fact: librechat-stack 5.3, packages/data-provider/src/config.ts of these releases, and the validation vectors.
"""

from __future__ import annotations

from .schema_rest import REST

ENDPOINTS = """
provider = enum(azureOpenAI openAI google anthropic assistants azureAssistants agents custom bedrock)
models = {
  default!: [@model]+  fetch: bool  userIdQuery: bool
}
model[..0.7.2] = str
model[0.7.3..] = str | {name!: str  description: str}
title_method[..0.7.2] = "completion" | "functions"
title_method[0.7.3..] = "completion" | "functions" | "structured"
param = str | num | bool | null | [@param] | rec<@param>

base = {
  streamRate: num  baseURL: str  titlePrompt: str  titleModel: str  titleConvo: bool  titleMethod: @title_method
  titleEndpoint: str  titlePromptTemplate: str
  headers[0.8.7..]: rec<str>
  titleTiming[0.8.8..]: "immediate" | "final"
  maxToolResultChars[0.8.6..]: num(>0)
}
base_old = {
  baseURL: str  titleModel: str  titleConvo: bool  titleMethod: @title_method
}
custom = {
  ...base[0.7.3..]
  ...base_old[..0.7.2]
  name: str~name
  apiKey: str
  models: @models
  summarize[..0.8.2]: bool  summaryModel[..0.8.2]: str  forcePrompt[..0.8.2]: bool  customOrder[..0.8.2]: num
  iconURL[0.7.3..]: str
  modelDisplayLabel: str
  headers[..0.8.5]: rec<any>
  headers[0.8.6..]: rec<str>
  addParams[..0.8.5]: rec<any>
  addParams[0.8.6..]: rec<@param>~web_search
  dropParams: [str]
  customParams[0.7.9..0.8.5]: strict{defaultParamsEndpoint: str  paramDefinitions: [rec<any>]
    reasoningFormat[0.8.3..]: any  reasoningKey[0.8.3..]: any  includeReasoningContent[0.8.3..]: any
    includeReasoningHistory[0.8.3..]: any}
  customParams[0.8.6..]: strict{defaultParamsEndpoint: str  paramDefinitions: [@definition]
    reasoningFormat: any  reasoningKey: any  includeReasoningContent: bool  includeReasoningHistory: bool}
  directEndpoint[0.7.3..]: bool
  titleMessageRole[0.7.3..0.8.5]: str
  titleMessageRole[0.8.6..]: enum(system user assistant)
}
definition = {
  key!: str  description: str  type: enum(number boolean string enum array)
  default: num | bool | str | [str]
  showLabel: bool  showDefault: bool  options: [str]  range: {min!: num  max!: num  step: num}
  enumMappings: rec<num | bool | str>
  component: enum(input textarea slider checkbox switch dropdown combobox tags)
  optionType: enum(conversation model custom)
  columnSpan: num(int 0..)  columns: num(int 1..4)  label: str  placeholder: str
  labelCode: bool  placeholderCode: bool  descriptionCode: bool  minText: num  maxText: num
  minTags: num(0..)  maxTags: num(0..)  includeInput: bool  descriptionSide: enum(top right bottom left)
  searchPlaceholder: str  selectPlaceholder: str  searchPlaceholderCode: bool  selectPlaceholderCode: bool
}
azure_model = {deploymentName: str  version: str  assistants: bool} | bool
azure_group = {group!: str  models!: rec<@azure_model>} & {
  apiKey!: str  serverless: bool  instanceName: str  deploymentName: str  assistants: bool
  addParams[..0.8.5]: rec<any>
  addParams[0.8.6..]: rec<@param>~web_search
  dropParams: [str]  forcePrompt[..0.8.2]: bool  version: str  baseURL: str
  additionalHeaders[..0.8.5]: rec<any>
  additionalHeaders[0.8.6..]: rec<str>
}
azure = {groups!: [@azure_group]+  plugins[..0.8.2]: bool  assistants: bool} & {
  streamRate[0.7.3..]: num  titleConvo: bool  titleMethod: @title_method  titleModel: str
  titlePrompt[0.7.3..]: str  titlePromptTemplate[0.7.3..]: str
  summarize[..0.8.2]: bool  summaryModel[..0.8.2]: str  customOrder[..0.8.2]: num
}
assistants = {
  ...base[0.7.3..]
  ...base_old[..0.7.2]
  disableBuilder: bool  pollIntervalMs: num  timeoutMs: num  version[0.7.3..]: str | num
  supportedIds: [str]+  excludedIds: [str]+  privateAssistants[0.7.3..]: bool  retrievalModels: [str]+
  capabilities: [enum(code_interpreter image_vision retrieval actions tools)]
  apiKey: str  models: @models
  headers[..0.8.5]: rec<any>
  headers[0.8.6..]: rec<str>
}
agents = {
  ...base
  recursionLimit: num  disableBuilder: bool  maxRecursionLimit: num
  maxCitations: num(1..50)  maxCitationsPerFile: num(1..10)  minRelevanceScore: num(0..1)
  allowedProviders: [str]
  capabilities[..0.8.7]: [enum(hide_sequential_outputs programmatic_tools end_after_tools deferred_tools execute_code
    file_search web_search artifacts subagents actions context skills memory tools chain ocr)]
  skills[0.8.7..]: {maxCatalogSkills: num(int 1..100)}
}
anthropic = {
  ...base
  vertex[0.8.2..]: {enabled: bool  projectId: str  region: str  serviceKeyFile: str  deploymentName: str
    models: [str] | rec<{deploymentName: str} | bool>}
  models[0.8.2..]: [str]
}
bedrock = {
  ...base
  availableRegions: [str]
  models[0.8.6..]: [str]  inferenceProfiles[0.8.6..]: rec<str>
}
endpoints = strict{
  allowedAddresses[0.8.3..]: [str]
  all[0.7.3..]: @base
  openAI[0.7.3..]: @base
  google[0.7.3..]: @base
  anthropic[0.7.3..]: @anthropic
  azureOpenAI: @azure
  azureAssistants[0.7.3..]: @assistants
  assistants: @assistants
  agents[0.7.3..]: @agents
  custom: [@custom]
  bedrock[0.7.3..]: @bedrock
}~some_endpoint
"""

TEXT = ENDPOINTS + REST
