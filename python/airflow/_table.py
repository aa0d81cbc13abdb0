"""
Which module and name of Airflow is which of Tradewind.

    airflow.module [fallback]     a module; fallback: only where no installed package has it
        target: NAME ...          its names, found in tradewind.target
        target: NAME=OTHER        a name that is called otherwise there; `NAME=.`: the module itself
        a|b: NAME                 the first of several targets that has it
        /full.name: NAME          a target outside of tradewind
        target: *                 every name of the target
        refused REASON            importing the module is an error that gives the reason

What is not here is found as a file of this folder. Names are looked up when they are used, so
nothing here costs an import. Parents of the modules need no line of their own.
"""

from __future__ import annotations

TABLE = """
airflow
    sdk: DAG Asset XComArg Dataset=Asset
    exceptions: AirflowException
    /airflow.version: version=.
    /airflow.stats: Stats
airflow.version
    /airflow: version=__version__ __version__

# airflow.sdk: the 73 public names, and where they are defined.

airflow.sdk
    /airflow: __version__
    sdk: AllowedKeyMapper Asset AssetAlias AssetAll AssetAny AssetOrTimeSchedule AssetWatcher AsyncCallback
    sdk: BaseAsyncOperator BaseBranchOperator BaseNotifier BaseOperator BaseOperatorLink
    sdk: BaseSensorOperator BaseXCom BranchMixIn ChainMapper Context CronDataIntervalTimetable
    sdk: CronTriggerTimetable CronPartitionTimetable DAG DagRunState DeadlineAlert DeadlineReference
    sdk: DeltaDataIntervalTimetable DeltaTriggerTimetable EdgeModifier EventsTimetable IdentityMapper Label
    sdk: Metadata MultipleCronTriggerTimetable ObjectStoragePath Param ParamsDict PartitionedAssetTimetable
    sdk: PartitionMapper PokeReturnValue ProductMapper SkipMixin SyncCallback StartOfDayMapper StartOfHourMapper
    sdk: StartOfMonthMapper StartOfQuarterMapper StartOfWeekMapper StartOfYearMapper TaskGroup
    sdk: TaskInstanceState TriggerRule Variable WeightRule XComArg asset chain chain_linear cross_downstream dag
    sdk: get_current_context get_parsing_context literal macros setup task task_group teardown
    hooks: BaseHook
    connection: Connection
    runner.instance: TaskInstance
    timezone: timezone=.
    lineage: lineage=.
    configuration: conf
airflow.sdk.bases.branch
    sdk: BaseBranchOperator BranchMixIn
airflow.sdk.bases.decorator
    /airflow.decorators.base: *
airflow.sdk.bases.hook
    hooks: BaseHook
airflow.sdk.bases.notifier
    sdk: BaseNotifier
airflow.sdk.bases.operator
    sdk: BaseOperator BaseAsyncOperator chain chain_linear cross_downstream
    baseoperator: BaseOperatorMeta
    /airflow.utils.weight_rule: DB_SAFE_MINIMUM DB_SAFE_MAXIMUM db_safe_priority
airflow.sdk.bases.operatorlink
    sdk: BaseOperatorLink
airflow.sdk.bases.secrets_backend
    /airflow.secrets.base_secrets: BaseSecretsBackend
airflow.sdk.bases.sensor
    sdk: BaseSensorOperator PokeReturnValue
    /airflow.sensors._modes: poke_mode_only
airflow.sdk.bases.skipmixin
    sdk: SkipMixin
    /airflow.models.skipmixin: XCOM_SKIPMIXIN_KEY XCOM_SKIPMIXIN_SKIPPED XCOM_SKIPMIXIN_FOLLOWED
airflow.sdk.bases.timetable
    timetables: BaseTimetable=Timetable
airflow.sdk.bases.xcom
    sdk: BaseXCom
airflow.sdk.configuration
    /airflow.configuration: conf get_custom_secret_backend ensure_secrets_loaded initialize_secrets_backends
airflow.sdk.definitions.asset
    sdk: Asset AssetAlias AssetAll AssetAny AssetWatcher Dataset=Asset
    assets: AssetRef AssetNameRef AssetUriRef BaseAsset Model
    /airflow.assets.keys: AssetUniqueKey AssetAliasUniqueKey AssetAliasEvent
airflow.sdk.definitions.asset.decorators
    sdk: asset
airflow.sdk.definitions.asset.metadata
    sdk: Metadata
airflow.sdk.definitions.callback
    sdk: AsyncCallback SyncCallback
    deadline: Callback
airflow.sdk.definitions.connection
    connection: Connection
airflow.sdk.definitions.context
    sdk: Context get_current_context get_parsing_context
    context: AirflowParsingContext=ParsingContext
    /airflow.utils.context: context_merge
airflow.sdk.definitions.dag
    sdk: DAG dag
airflow.sdk.definitions.deadline
    sdk: DeadlineAlert DeadlineReference
airflow.sdk.definitions.decorators
    sdk: task setup teardown task_group dag
    decorators: TaskDecoratorCollection
airflow.sdk.definitions.decorators.task_group
    sdk: task_group
airflow.sdk.definitions.edges
    sdk: EdgeModifier Label
airflow.sdk.definitions.mappedoperator
    mapped: MappedOperator OperatorPartial
airflow.sdk.definitions.operator_resources
    /airflow.utils.operator_resources: *
airflow.sdk.definitions.param
    sdk: Param ParamsDict
    dags: DagParam
airflow.sdk.definitions.partition_mappers.allowed_key
    sdk: AllowedKeyMapper
airflow.sdk.definitions.partition_mappers.base
    sdk: PartitionMapper
airflow.sdk.definitions.partition_mappers.chain
    sdk: ChainMapper
airflow.sdk.definitions.partition_mappers.identity
    sdk: IdentityMapper
airflow.sdk.definitions.partition_mappers.product
    sdk: ProductMapper
airflow.sdk.definitions.partition_mappers.temporal
    sdk: StartOfDayMapper StartOfHourMapper StartOfMonthMapper StartOfQuarterMapper StartOfWeekMapper StartOfYearMapper
airflow.sdk.definitions.taskgroup
    sdk: TaskGroup
    taskgroup: MappedTaskGroup
airflow.sdk.definitions.template
    sdk: literal
airflow.sdk.definitions.timetables.assets
    sdk: AssetOrTimeSchedule PartitionedAssetTimetable
airflow.sdk.definitions.timetables.events
    sdk: EventsTimetable
airflow.sdk.definitions.timetables.interval
    sdk: CronDataIntervalTimetable DeltaDataIntervalTimetable
airflow.sdk.definitions.timetables.simple
    /airflow.timetables._simple: NullTimetable OnceTimetable ContinuousTimetable
airflow.sdk.definitions.timetables.trigger
    sdk: CronTriggerTimetable CronPartitionTimetable DeltaTriggerTimetable MultipleCronTriggerTimetable
airflow.sdk.definitions.variable
    sdk: Variable
airflow.sdk.definitions.xcom_arg
    sdk: XComArg
    xcom_arg: PlainXComArg=XComArg MapXComArg ZipXComArg ConcatXComArg
airflow.sdk.definitions._internal.abstractoperator
    baseoperator: AbstractOperator=BaseOperator
    /airflow.models.abstractoperator: *
airflow.sdk.definitions._internal.contextmanager
    /airflow.models.dag: DagContext TaskGroupContext
airflow.sdk.definitions._internal.decorators
    /airflow.utils.decorators: *
airflow.sdk.definitions._internal.expandinput
    /airflow.models.expandinput: *
airflow.sdk.definitions._internal.logging_mixin
    /airflow.utils.log.logging_mixin: LoggingMixin
airflow.sdk.definitions._internal.mixins
    edges: DependencyMixin
    xcom_arg: ResolveMixin=XComArg
airflow.sdk.definitions._internal.node
    baseoperator: DAGNode=BaseOperator
    /airflow.utils.helpers: validate_key KEY_REGEX
airflow.sdk.definitions._internal.setup_teardown
    setup_teardown: SetupTeardownContext BaseSetupTeardownContext=SetupTeardownContext
airflow.sdk.definitions._internal.templater
    /airflow.models.templater: *
airflow.sdk.definitions._internal.types
    types: ArgNotSet NOTSET
    /airflow.utils.types: is_arg_set SET_DURING_EXECUTION SetDuringExecution
airflow.sdk.definitions._internal.dag_parsing_context
    context: get_parsing_context AirflowParsingContext=ParsingContext
airflow.sdk.exceptions
    exceptions: *
    /airflow._exceptions: *
airflow.sdk.execution_time.cache
    /airflow.secrets.cache: SecretCache
airflow.sdk.execution_time.callback_runner
    /airflow.utils.operator_helpers: ExecutionCallableRunner create_executable_runner
    /airflow.utils.operator_helpers: AsyncExecutionCallableRunner create_async_executable_runner
airflow.sdk.execution_time.comms
    refused the messages of Airflow's task runner: Tradewind's runner has its own (docs/internals/wire.md)
airflow.sdk.execution_time.context
    /airflow.utils.operator_helpers: AIRFLOW_VAR_NAME_FORMAT_MAPPING context_to_airflow_vars DEFAULT_FORMAT_PREFIX
    /airflow.utils.operator_helpers: ENV_VAR_FORMAT_PREFIX
    /airflow.utils.context: context_get_outlet_events OutletEventAccessorsProtocol
    connection: ConnectionAccessor
    variable: VariableAccessor
    context: set_current_context
airflow.sdk.execution_time.hitl
    operators.hitl: HITLUser
airflow.sdk.execution_time.lazy_sequence
    xcom_arg|runner.instance|runner.values: LazyXComSequence
airflow.sdk.execution_time.macros
    macros: *
airflow.sdk.execution_time.secrets
    /airflow.secrets: DEFAULT_SECRETS_SEARCH_PATH_WORKERS=DEFAULT_SECRETS_SEARCH_PATH
airflow.sdk.execution_time.secrets_masker
    /airflow.utils.log.secrets_masker: *
airflow.sdk.execution_time.task_runner
    runner.instance: RuntimeTaskInstance=TaskInstance
airflow.sdk.execution_time.timeout
    /airflow.utils.timeout: timeout TimeoutPosix
airflow.sdk.execution_time.xcom
    xcom: XCom
airflow.sdk.io
    sdk: ObjectStoragePath
    /airflow.io: get_fs has_fs attach
airflow.sdk.io.fs
    /airflow.io: get_fs has_fs
airflow.sdk.io.path
    sdk: ObjectStoragePath
airflow.sdk.io.store
    /airflow.io: attach ObjectStore
airflow.sdk.lineage
    /airflow.lineage.hook: *
airflow.sdk.listener
    /airflow.listeners.listener: get_listener_manager
airflow.sdk.log
    /airflow.utils.log.secrets_masker: mask_secret redact
    /airflow.utils.log.logging_mixin: relative_path_from_logger
airflow.sdk.module_loading
    /airflow.utils.module_loading: *
airflow.sdk.observability.stats
    /airflow.stats: Stats
airflow.sdk.plugins_manager
    plugins: AirflowPlugin
airflow.sdk.providers_manager_runtime
    /airflow.providers_manager: ProvidersManagerTaskRuntime=ProvidersManager
airflow.sdk.serde
    /airflow.serialization.serde: *
airflow.sdk.timezone
    timezone: *
airflow.sdk.types
    types: ArgNotSet NOTSET
    /airflow.models.taskinstancekey: TaskInstanceKey
    /airflow.typing_compat: Logger WeightRuleParam TaskInstanceStateParam
    runner.instance: TaskInstance RuntimeTaskInstanceProtocol=TaskInstance DagRunProtocol=DagRun
    baseoperator: Operator=BaseOperator
airflow.sdk.yaml
    /airflow.utils.yaml: *
airflow.sdk.api.datamodels._generated
    sdk: DagRunState TaskInstanceState TriggerRule WeightRule
    types: DagRunType
    runner.instance: DagRun TaskInstance
airflow.sdk._shared.listeners
    /airflow.listeners: hookimpl
airflow.sdk._shared.module_loading
    /airflow.utils.module_loading: *
airflow.sdk._shared.observability.metrics.stats
    /airflow.stats: Stats
airflow.sdk._shared.secrets_masker
    /airflow.utils.log.secrets_masker: *
airflow.sdk._shared.timezones.timezone
    timezone: *
airflow.sdk.api.client
    refused a client of Airflow's execution API: tasks of Tradewind use the engine's socket

# Airflow 2's places, and what of core is left in Airflow 3.

airflow.decorators
    sdk: dag task task_group setup teardown
    decorators: TaskDecorator TaskDecoratorCollection
airflow.decorators.python
    decorators: _PythonDecoratedOperator=DecoratedPythonOperator
    /airflow.providers.standard.decorators.python: python_task
airflow.decorators.bash
    decorators: _BashDecoratedOperator=DecoratedBashOperator
    /airflow.providers.standard.decorators.bash: bash_task
airflow.decorators.branch_python
    decorators: _BranchPythonDecoratedOperator=DecoratedBranchOperator
    /airflow.providers.standard.decorators.branch_python: branch_task
airflow.decorators.short_circuit
    decorators: _ShortCircuitDecoratedOperator=DecoratedShortCircuitOperator
    /airflow.providers.standard.decorators.short_circuit: short_circuit_task
airflow.decorators.sensor
    decorators: DecoratedSensorOperator=DecoratedSensor
    /airflow.providers.standard.decorators.sensor: sensor_task
airflow.decorators.python_virtualenv
    /airflow.providers.standard.decorators.python_virtualenv: virtualenv_task
airflow.decorators.external_python
    /airflow.providers.standard.decorators.external_python: external_python_task
airflow.decorators.branch_virtualenv
    /airflow.providers.standard.decorators.branch_virtualenv: branch_virtualenv_task
airflow.decorators.branch_external_python
    /airflow.providers.standard.decorators.branch_external_python: branch_external_python_task
airflow.decorators.task_group
    sdk: task_group
airflow.decorators.setup_teardown
    decorators: setup_task=setup teardown_task=teardown
airflow.models
    sdk: DAG BaseOperator BaseOperatorLink BaseXCom Param ParamsDict SkipMixin Variable XComArg
    xcom: XCom
    connection: Connection
    runner.instance: TaskInstance DagRun
    baseoperator: Operator=BaseOperator
    mapped: MappedOperator
    sensors.base: BaseSensorOperator
    /airflow.models.dagbag: DagBag
    /airflow.models.dag: DagModel DagTag
    /airflow.models.pool: Pool
    /airflow.models.base: ID_LEN Base
    /airflow.models.taskinstance: clear_task_instances
    /airflow.models.renderedtifields: RenderedTaskInstanceFields
airflow.models.baseoperator
    sdk: BaseOperator chain chain_linear cross_downstream
    baseoperator: BaseOperatorMeta
    sdk: BaseOperatorLink
    /airflow.models.abstractoperator: *
airflow.models.baseoperatorlink
    sdk: BaseOperatorLink
airflow.models.connection
    connection: *
airflow.models.dagparam
    dags: DagParam
airflow.models.mappedoperator
    mapped: MappedOperator OperatorPartial
airflow.models.operator
    baseoperator: Operator=BaseOperator
airflow.models.param
    sdk: Param ParamsDict
    dags: DagParam
airflow.models.variable
    sdk: Variable
airflow.models.xcom
    sdk: BaseXCom XComModel=BaseXCom
    xcom: XCom
    types: XCOM_RETURN_KEY
airflow.models.xcom_arg
    sdk: XComArg
    xcom_arg: PlainXComArg=XComArg MapXComArg ZipXComArg ConcatXComArg
airflow.models.taskmixin
    edges: DependencyMixin DAGNode=DependencyMixin TaskMixin=DependencyMixin
airflow.models.dagrun
    runner.instance: DagRun
    types: DagRunState DagRunType
airflow.models.asset
    sdk: AssetModel=Asset
airflow.models.dataset
    sdk: DatasetModel=Asset
airflow.models.deadline
    sdk: DeadlineAlert DeadlineReference

airflow.hooks
    /airflow.hooks.base: BaseHook
airflow.hooks.base
    hooks: BaseHook
    /airflow.hooks.dbapi: DiscoverableHook=BaseHook
airflow.hooks.base_hook
    hooks: BaseHook
airflow.hooks.dbapi
    hooks: BaseHook
    /airflow.providers.common.sql.hooks.sql: DbApiHook ConnectorProtocol
airflow.hooks.dbapi_hook
    /airflow.providers.common.sql.hooks.sql: DbApiHook
airflow.hooks.filesystem
    /airflow.providers.standard.hooks.filesystem: FSHook
airflow.hooks.package_index
    /airflow.providers.standard.hooks.package_index: PackageIndexHook
airflow.hooks.subprocess
    /airflow.providers.standard.hooks.subprocess: SubprocessHook SubprocessResult

airflow.operators.bash
    sdk: BashOperator
airflow.operators.bash_operator
    sdk: BashOperator
airflow.operators.branch
    sdk: BaseBranchOperator BranchMixIn
airflow.operators.branch_operator
    sdk: BaseBranchOperator
airflow.operators.datetime
    operators.datetime: BranchDateTimeOperator
    /airflow.providers.standard.operators.datetime: target_times_as_dates
airflow.operators.dummy
    sdk: DummyOperator=EmptyOperator EmptyOperator
airflow.operators.dummy_operator
    sdk: DummyOperator=EmptyOperator EmptyOperator
airflow.operators.email
    /airflow.providers.smtp.operators.smtp: EmailOperator
airflow.operators.email_operator
    /airflow.providers.smtp.operators.smtp: EmailOperator
airflow.operators.empty
    sdk: EmptyOperator
airflow.operators.generic_transfer
    /airflow.providers.common.sql.operators.generic_transfer: GenericTransfer
airflow.operators.latest_only
    operators.latest_only: LatestOnlyOperator
airflow.operators.latest_only_operator
    operators.latest_only: LatestOnlyOperator
airflow.operators.python
    sdk: PythonOperator BranchPythonOperator ShortCircuitOperator
    operators.python|operators.virtualenv: PythonVirtualenvOperator ExternalPythonOperator
    operators.python|operators.virtualenv: BranchPythonVirtualenvOperator BranchExternalPythonOperator
    sdk: get_current_context
    decorators: task=task
    sdk: SkipMixin
airflow.operators.python_operator
    sdk: PythonOperator BranchPythonOperator ShortCircuitOperator
    operators.python|operators.virtualenv: PythonVirtualenvOperator
airflow.operators.smooth
    operators.smooth: SmoothOperator
airflow.operators.sql
    /airflow.providers.common.sql.operators.sql: *
airflow.operators.subdag
    refused SubDAGs were removed in Airflow 3: use a TaskGroup
airflow.operators.subdag_operator
    refused SubDAGs were removed in Airflow 3: use a TaskGroup
airflow.operators.trigger_dagrun
    operators.trigger_dagrun: TriggerDagRunOperator
    /airflow.providers.standard.operators.trigger_dagrun: TriggerDagRunLink DagIsPaused XCOM_RUN_ID XCOM_LOGICAL_DATE_ISO
airflow.operators.dagrun_operator
    operators.trigger_dagrun: TriggerDagRunOperator
airflow.operators.weekday
    operators.weekday: BranchDayOfWeekOperator

airflow.sensors.base
    sdk: BaseSensorOperator PokeReturnValue
    /airflow.sensors._modes: poke_mode_only
airflow.sensors.base_sensor_operator
    sdk: BaseSensorOperator
airflow.sensors.bash
    sensors.bash: BashSensor
airflow.sensors.date_time
    sdk: DateTimeSensor
    sensors.time: DateTimeSensorAsync
airflow.sensors.external_task
    sensors.external_task: ExternalTaskSensor ExternalTaskMarker
    /airflow.providers.standard.sensors.external_task: ExternalTaskSensorLink=ExternalDagLink ExternalDagLink
airflow.sensors.external_task_sensor
    sensors.external_task: ExternalTaskSensor ExternalTaskMarker
airflow.sensors.filesystem
    sdk: FileSensor
airflow.sensors.python
    sdk: PythonSensor
airflow.sensors.sql
    /airflow.providers.common.sql.sensors.sql: SqlSensor
airflow.sensors.time_delta
    sdk: TimeDeltaSensor
    sensors.time: TimeDeltaSensorAsync WaitSensor
airflow.sensors.time_delta_sensor
    sdk: TimeDeltaSensor
airflow.sensors.time_sensor
    sdk: TimeSensor
    sensors.time: TimeSensorAsync
airflow.sensors.weekday
    sensors.weekday: DayOfWeekSensor

airflow.triggers.base
    triggers.base: BaseTrigger BaseEventTrigger TriggerEvent StartTriggerArgs BaseTaskEndEvent TaskSuccessEvent
    triggers.base: TaskFailedEvent TaskSkippedEvent
airflow.triggers.external_task
    /airflow.providers.standard.triggers.external_task: WorkflowTrigger DagStateTrigger
airflow.triggers.file
    /airflow.providers.standard.triggers.file: FileTrigger FileDeleteTrigger
airflow.triggers.temporal
    /airflow.providers.standard.triggers.temporal: DateTimeTrigger TimeDeltaTrigger
airflow.triggers.testing
    triggers.testing: SuccessTrigger FailureTrigger

airflow.notifications
    sdk: BaseNotifier
airflow.notifications.basenotifier
    sdk: BaseNotifier

airflow.timetables.assets
    sdk: AssetOrTimeSchedule
airflow.timetables.base
    timetables: DagRunInfo DataInterval TimeRestriction Timetable
airflow.timetables.datasets
    sdk: DatasetOrTimeSchedule=AssetOrTimeSchedule
airflow.timetables.events
    sdk: EventsTimetable
airflow.timetables.interval
    sdk: CronDataIntervalTimetable DeltaDataIntervalTimetable
airflow.timetables.simple
    /airflow.timetables._simple: NullTimetable OnceTimetable ContinuousTimetable
    sdk: PartitionedAssetTimetable
airflow.timetables.trigger
    sdk: CronTriggerTimetable DeltaTriggerTimetable MultipleCronTriggerTimetable CronPartitionTimetable
airflow.partition_mappers.base
    sdk: PartitionMapper

airflow.datasets
    sdk: Dataset=Asset DatasetAlias=AssetAlias DatasetAll=AssetAll DatasetAny=AssetAny
airflow.datasets.metadata
    sdk: Metadata
airflow.assets
    sdk: Asset AssetAlias AssetAll AssetAny
airflow.assets.metadata
    sdk: Metadata

airflow.task.priority_strategy
    weights: PriorityWeightStrategy
airflow.task.trigger_rule
    sdk: TriggerRule
airflow.task.weight_rule
    sdk: WeightRule

airflow.macros
    macros: *
airflow.plugins_manager
    plugins: AirflowPlugin
airflow.exceptions
    exceptions: *
    /airflow._exceptions: *
airflow.observability.stats
    /airflow.stats: Stats
airflow.lineage
    /airflow.lineage.hook: *
airflow.io.path
    sdk: ObjectStoragePath
airflow.io.store
    /airflow.io: attach ObjectStore

airflow.utils
    timezone: timezone=.
airflow.utils.dag_parsing_context
    context: get_parsing_context AirflowParsingContext=ParsingContext
airflow.utils.edgemodifier
    sdk: EdgeModifier Label
airflow.utils.setup_teardown
    setup_teardown: SetupTeardownContext BaseSetupTeardownContext=SetupTeardownContext
airflow.utils.state
    types: TaskInstanceState DagRunState
    /airflow.utils._state: State TerminalTIState IntermediateTIState CallbackState JobState
airflow.utils.task_group
    sdk: TaskGroup
    taskgroup: MappedTaskGroup
airflow.utils.task_instance_session
    /airflow.utils.session: get_current_task_instance_session=create_session
airflow.utils.template
    sdk: literal
airflow.utils.timezone
    timezone: *
airflow.utils.trigger_rule
    sdk: TriggerRule
airflow.utils.weekday
    /airflow.providers.standard.utils.weekday: WeekDay
airflow.utils.xcom
    types: XCOM_RETURN_KEY

# The standard provider: always ours; what is not listed comes from an installed one.

airflow.example_dags
airflow.providers
airflow.providers.standard
    /airflow: __version__
airflow.providers.standard.decorators.bash
    /airflow.decorators.kinds: bash_task
airflow.providers.standard.decorators.branch_external_python
    /airflow.decorators.kinds: branch_external_python_task
airflow.providers.standard.decorators.branch_python
    /airflow.decorators.kinds: branch_task
airflow.providers.standard.decorators.branch_virtualenv
    /airflow.decorators.kinds: branch_virtualenv_task
airflow.providers.standard.decorators.external_python
    /airflow.decorators.kinds: external_python_task
airflow.providers.standard.decorators.python
    /airflow.decorators.kinds: python_task
airflow.providers.standard.decorators.python_virtualenv
    /airflow.decorators.kinds: virtualenv_task
airflow.providers.standard.decorators.sensor
    /airflow.decorators.kinds: sensor_task
    decorators: DecoratedSensorOperator=DecoratedSensor
airflow.providers.standard.decorators.short_circuit
    /airflow.decorators.kinds: short_circuit_task
airflow.providers.standard.decorators.stub
    /airflow.decorators.kinds: stub
airflow.providers.standard.operators.bash
    sdk: BashOperator
airflow.providers.standard.operators.branch
    sdk: BaseBranchOperator BranchMixIn
airflow.providers.standard.operators.datetime
    operators.datetime: BranchDateTimeOperator
    operators.datetime: target_times_as_dates
airflow.providers.standard.operators.empty
    sdk: EmptyOperator
airflow.providers.standard.operators.hitl
    operators.hitl: HITLOperator ApprovalOperator HITLBranchOperator HITLEntryOperator
airflow.providers.standard.operators.latest_only
    operators.latest_only: LatestOnlyOperator
airflow.providers.standard.operators.python
    sdk: PythonOperator BranchPythonOperator ShortCircuitOperator
    operators.python|operators.virtualenv: PythonVirtualenvOperator ExternalPythonOperator
    operators.python|operators.virtualenv: BranchPythonVirtualenvOperator BranchExternalPythonOperator
    operators.virtualenv: _SERIALIZERS
    sdk: get_current_context
airflow.providers.standard.operators.smooth
    operators.smooth: SmoothOperator
airflow.providers.standard.operators.trigger_dagrun
    operators.trigger_dagrun: TriggerDagRunOperator
    operators.trigger_dagrun: XCOM_RUN_ID XCOM_LOGICAL_DATE_ISO
    /airflow._links: DagIsPaused TriggerDagRunLink
airflow.providers.standard.operators.weekday
    operators.weekday: BranchDayOfWeekOperator
airflow.providers.standard.sensors.bash
    sensors.bash: BashSensor
airflow.providers.standard.sensors.date_time
    sdk: DateTimeSensor
    sensors.time: DateTimeSensorAsync
airflow.providers.standard.sensors.external_task
    sensors.external_task: ExternalTaskSensor ExternalTaskMarker
    /airflow._links: ExternalDagLink
airflow.providers.standard.sensors.filesystem
    sdk: FileSensor
airflow.providers.standard.sensors.python
    sdk: PythonSensor
airflow.providers.standard.sensors.time
    sdk: TimeSensor
    sensors.time: TimeSensorAsync
airflow.providers.standard.sensors.time_delta
    sdk: TimeDeltaSensor
    sensors.time: TimeDeltaSensorAsync WaitSensor
airflow.providers.standard.sensors.weekday
    sensors.weekday: DayOfWeekSensor
airflow.providers.standard.triggers.external_task
    triggers.external_task: WorkflowTrigger DagStateTrigger
airflow.providers.standard.triggers.file
    triggers.file: FileTrigger FileDeleteTrigger
airflow.providers.standard.triggers.hitl
    triggers.hitl: HITLTrigger
airflow.providers.standard.triggers.temporal
    triggers.temporal: DateTimeTrigger TimeDeltaTrigger
airflow.providers.standard.utils.skipmixin
    sdk: SkipMixin
airflow.providers.standard.utils.weekday
    weekday: WeekDay
airflow.providers.standard.exceptions
    exceptions|sensors.external_task: ExternalTaskFailedError ExternalDagNotFoundError ExternalTaskNotFoundError
    exceptions|sensors.external_task: ExternalDagFailedError ExternalTaskGroupFailedError ExternalTaskGroupNotFoundError
    exceptions: HITLTriggerEventError HITLTimeoutError HITLRejectException
    /airflow._exceptions: AirflowExternalTaskSensorException DuplicateStateError

# The provider that bridges Airflow's versions, where it is not installed.

airflow.providers.common.compat fallback
airflow.providers.common.compat.sdk fallback
    sdk: *
    hooks: BaseHook
    connection: Connection
    exceptions: *
    /airflow.decorators.base: *
    timezone: timezone=.
    /airflow.configuration: conf
airflow.providers.common.compat.assets fallback
    sdk: Asset AssetAlias AssetAll AssetAny
airflow.providers.common.compat.standard.operators fallback
    sdk: PythonOperator ShortCircuitOperator BranchPythonOperator get_current_context
    operators.python|operators.virtualenv: PythonVirtualenvOperator
airflow.providers.common.compat.standard.triggers fallback
    triggers.temporal: TimeDeltaTrigger
airflow.providers.common.compat.standard.utils fallback

# Parts of a running Airflow that no DAG file needs.

airflow.executors
    refused Tradewind has no executors: `queue` and `executor` of a task are kept, workers are Tradewind's own
airflow.www
    refused Airflow's web application is not part of Tradewind
airflow.api_fastapi
    refused Airflow's API server is not part of Tradewind
airflow.jobs
    refused Airflow's jobs are not part of Tradewind: its processes are in docs/architecture.md
airflow.contrib
    refused airflow.contrib was removed in Airflow 2: import from airflow.providers

# The helpers that Airflow's example files import, where such files are at hand.
airflow.example_dags
"""
