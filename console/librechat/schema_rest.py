"""The shape of everything in librechat.yaml but its endpoints. Notation and sources: see ``schema_text``."""

from __future__ import annotations

REST = """
tts_openai = {url: str  apiKey!: str  model!: str  voices!: [str]}
tts = {
  openai: @tts_openai
  azureOpenAI: {instanceName!: str  apiKey!: str  deploymentName!: str  apiVersion!: str  model!: str  voices!: [str]}
  elevenlabs: {url: str  websocketUrl: str  apiKey!: str  model!: str  voices!: [str]
    voice_settings: {similarity_boost: num  stability: num  style: num  use_speaker_boost: bool}
    pronunciation_dictionary_locators: [str]}
  localai: {url!: str  apiKey: str  voices!: [str]  backend!: str}
}
stt = {
  openai: {url: str  apiKey!: str  model!: str}
  azureOpenAI: {instanceName!: str  apiKey!: str  deploymentName!: str  apiVersion!: str}
}
speech_tab = {
  conversationMode: bool  advancedMode: bool
  speechToText: bool | {engineSTT: str  languageSTT: str  autoTranscribeAudio: bool  decibelValue: num
    autoSendText: num}
  textToSpeech: bool | {engineTTS: str  voice: str  languageTTS: str  automaticPlayback: bool  playbackRate: num
    cacheTTS: bool}
}
limits = {ipMax: num  ipWindowInMinutes: num  userMax: num  userWindowInMinutes: num}
sharing = {use: bool  create: bool  share: bool  public: bool}
link = {externalUrl: str  openNewTab: bool}
words = str | rec<str>

interface = {
  privacyPolicy: @link
  termsOfService[..0.7.2]: @link
  termsOfService[0.7.3..]: {externalUrl: str  openNewTab: bool  modalAcceptance: bool  modalTitle: str
    modalContent: str | [str]}
  customWelcome[0.7.3..]: str
  mcpServers[0.7.3..]: {placeholder: str  use: bool  create: bool  share: bool  public: bool
    trustCheckbox: {label: @words  subLabel: @words}}
  endpointsMenu[0.7.3..0.8.2]: bool  sidePanel[0.7.3..0.8.2]: bool
  modelSelect[0.7.3..]: bool  parameters[0.7.3..]: bool  multiConvo[0.7.3..]: bool  bookmarks[0.7.3..]: bool
  memories[0.7.3..]: bool  presets[0.7.3..]: bool
  prompts[0.7.3..]: bool | @sharing
  agents[0.7.3..]: bool | @sharing
  temporaryChat[0.7.3..]: bool  temporaryChatRetention[0.7.3..]: num(1..8760)  autoSubmitFromUrl[0.8.6..]: bool
  runCode[0.7.3..]: bool  webSearch[0.7.3..]: bool
  peoplePicker[0.7.3..]: {users: bool  groups: bool  roles: bool}
  marketplace[0.7.3..]: {use: bool}
  fileSearch[0.7.3..]: bool  fileCitations[0.7.3..]: bool
  buildInfo[0.8.6..]: bool  remoteAgents[0.8.3..]: @sharing
  skills[0.8.6..]: bool | @sharing
}

mcp_oauth = {
  authorization_url: str  token_url: str  client_id: str  client_secret: str  scope: str  redirect_uri: str
  token_exchange_method: str  grant_types_supported: [str]  token_endpoint_auth_methods_supported: [str]
  response_types_supported: [str]  code_challenge_methods_supported: [str]  skip_code_challenge_check: bool
  revocation_endpoint: str  revocation_endpoint_auth_methods_supported: [str]
}
mcp_base = {
  title[..0.8.5]: str
  title[0.8.6..]: str~mcp_title
  description: str  startup: bool  iconPath: str  timeout: num  initTimeout: num  chatMenu: bool
  serverInstructions: bool | str  requiresOAuth: bool  oauth: @mcp_oauth  oauth_headers: rec<str>
  customUserVars: rec<{title!: str  description!: str}>
}
mcp_stdio = {...mcp_base  type: "stdio"  command!: str  args!: [str]  env: rec<str>  stderr: any}
mcp_ws = {...mcp_base  type: "websocket"  url!: str~websocket_url}
mcp_sse = {...mcp_base  type: "sse"  headers: rec<str>  url!: str~web_url}
mcp_http = {...mcp_base  type!: "streamable-http" | "http"  headers: rec<str>  url!: str~web_url}

mime[..0.8.5] = [any]
mime[0.8.6..] = [str]
file_rules = {
  disabled: bool  fileLimit: num(0..)  fileSizeLimit: num(0..)  totalSizeLimit: num(0..)  supportedMimeTypes: @mime
}
file_config = {
  endpoints: rec<@file_rules>
  serverFileSizeLimit: num(0..)  avatarSizeLimit: num(0..)
  fileTokenLimit[0.7.3..]: num(0..)
  imageGeneration[0.7.3..]: {percentage: num(0..100)  px: num(0..)}
  clientImageResize[0.7.3..]: {enabled: bool  maxWidth: num(0..)  maxHeight: num(0..)  quality: num(0..1)}
  ocr[0.7.3..]: {supportedMimeTypes: @mime}
  text[0.7.3..]: {supportedMimeTypes: @mime}
  skills[0.8.6..]: {fileSizeLimit: num(0..)}
}

preset = {
  endpoint!: str | null
  modelLabel: str | null  model: str | null  promptPrefix: str | null  temperature: num | null
  topP: num  topK: num  top_p: num  frequency_penalty: num  presence_penalty: num
  system: str  greeting: str  iconURL: str | null  resendFiles: bool  assistant_id: str  instructions: str
  agent_id[0.7.3..]: str  promptCache[0.7.3..]: bool  thinking[0.7.3..]: bool
  artifacts[0.7.3..]: str  web_search[0.7.3..]: bool  useResponsesApi[0.7.3..]: bool
}
spec = {
  name!: str  label!: str  preset!: @preset  order: num  default: bool  description: str  showIconInMenu: bool
  showIconInHeader: bool  iconURL: str  authType: enum(override_auth user_provided system_defined)
  group[0.8.2..]: str  groupIcon[0.8.2..]: str
  webSearch[0.8.2..]: bool  fileSearch[0.8.2..]: bool  executeCode[0.8.2..]: bool
  mcpServers[0.8.2..]: [str]
}

memory = {
  disabled: bool  validKeys: [str]  tokenLimit: num  charLimit: num  personalize: bool  messageWindowSize: num
  agent: {id!: str} | {provider!: str  model!: str  instructions: str  model_parameters: rec<any>}
}
web_search = {
  serperApiKey: str  searxngInstanceUrl: str  searxngApiKey: str  firecrawlApiKey: str  firecrawlApiUrl: str
  firecrawlVersion: str  jinaApiKey: str  jinaApiUrl: str  cohereApiKey: str  tavilyApiKey: str  tavilySearchUrl: str
  tavilyExtractUrl: str
  searchProvider: enum(serper searxng tavily)
  scraperProvider: enum(firecrawl serper tavily)
  rerankerType: enum(jina cohere none)
  scraperTimeout: num
  safeSearch: enum(0 1 2)
  firecrawlOptions: {formats: [str]  includeTags: [str]  excludeTags: [str]  headers: rec<str>  waitFor: num
    timeout: num  maxAge: num  mobile: bool  onlyMainContent: bool}
}
sources = enum(local firebase azure azure_blob openai s3 vectordb execute_code mistral_ocr azure_mistral_ocr
  vertexai_mistral_ocr text document_parser cloudfront)
storage = enum(local firebase s3 azure_blob cloudfront)
turnstile_options = {language: str  size: enum(normal compact flexible invisible)}

config = strict{
  version!: str
  cache: bool
  ocr[0.7.3..]: {mistralModel: str  apiKey: str  baseURL: str
    strategy: enum(mistral_ocr custom_ocr azure_mistral_ocr vertexai_mistral_ocr document_parser)}
  webSearch[0.7.3..]: @web_search
  langfuse[0.8.8..]: any
  memory[0.7.3..]: @memory
  summarization[0.8.3..]: {enabled: bool  provider: str  model: str  prompt: str  updatePrompt: str}
  skillSync[0.8.3..]: rec<any>
  secureImageLinks: bool
  imageOutputType: enum(png webp jpeg)
  includedTools[0.7.3..]: [str]
  filteredTools: [str]
  mcpServers[0.7.3..]: rec<@mcp_stdio | @mcp_ws | @mcp_sse | @mcp_http>
  mcpSettings[0.7.3..]: {allowedDomains: [str]  allowedAddresses[0.8.3..]: [str]}
  interface: @interface
  turnstile[0.7.3..]: {siteKey!: str  options: @turnstile_options}
  fileStrategy[..0.8.5]: @sources
  fileStrategy[0.8.6..]: @storage
  fileStrategies[0.7.3..0.8.5]: {default: @sources  avatar: @sources  image: @sources  document: @sources}
  fileStrategies[0.8.6..]: {default: @storage  avatar: @storage  image: @storage  document: @storage  skills: @storage}
  cloudfront[0.8.3..]: {domain!: str  distributionId: str  invalidateOnDelete: bool  imageSigning: str}
  actions[0.7.3..]: {allowedDomains: [str]  allowedAddresses[0.8.3..]: [str]}
  registration: {socialLogins: [str]  allowedDomains: [str]}
  balance[0.7.3..]: {enabled: bool  startBalance: num  autoRefillEnabled: bool  refillIntervalValue: num
    refillIntervalUnit: enum(seconds minutes hours days weeks months)  refillAmount: num}
  transactions[0.7.3..]: {enabled: bool}
  tts[0.7.3..0.7.4]: any
  stt[0.7.3..0.7.4]: any
  speech[0.7.3..]: {tts: @tts  stt: @stt  speechTab: @speech_tab}
  rateLimits: {fileUploads: @limits  conversationsImport: @limits  tts[0.7.3..]: @limits  stt[0.7.3..]: @limits}
  fileConfig: @file_config
  modelSpecs[..0.7.2]: {enforce: bool  prioritize: bool  list!: [@spec]+}
  modelSpecs[0.7.3..]: {enforce: bool  prioritize: bool  list: [@spec]  addedEndpoints: [str]}
  messageFilter[0.8.3..]: rec<any>
  endpoints: @endpoints
}
"""
