package cloze.cuda.graph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.backend.Precision;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Device;
import cloze.op.Heads;
import cloze.op.HostCuda;
import cloze.optim.AdamW;
import cloze.optim.Muon;
import cloze.optim.Optimizer;
import cloze.optim.Schedule;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import cloze.train.Cadence;
import cloze.train.Objective;
import cloze.train.RunFolder;
import cloze.train.Trainer;
import cloze.train.TrainingConfig;
import cloze.train.TrainingHooks;
import cloze.train.log.TrainingEvent;
import cloze.train.log.TrainingListener;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Training with graphs gives the bits of training without, whatever comes in between. */
class GraphTest {
    private static final String GRAPHS = "cloze.cuda.graphs";
    private static final int BATCH = 2;
    private static final int TIME = 8;
    private static final int VOCABULARY = 11;
    private static final int STEPS = 8;

    /** The first micro-batch in which no other thread begins any more. */
    private static final int CROWDED = 10;

    /** The result of a run: loss and norm of each step, the weights at the end, the number of graphs it launched. */
    private record Ran(List<Double> numbers, List<Float> weights, long graphs) {}

    /** Next tokens; what else happens in a micro-batch is up to a test. */
    private record NextSymbol(Gpt gpt, Parameters parameters, Twist twist) implements Objective {
        interface Twist {
            int batch(Tape tape, long microBatch);
        }

        @Override
        public Tensor loss(Tape tape, long microBatch) {
            int batch = twist.batch(tape, microBatch);
            int[] text = new SplittableRandom(microBatch)
                    .ints((long) batch * TIME + 1, 0, VOCABULARY)
                    .toArray();
            Tensor ids = tape.scope().tensor("ids", new Shape(batch, TIME), DType.I32);
            Tensor targets = tape.scope().tensor("targets", new Shape(batch, TIME), DType.I32);
            tape.backend().set(ids, Arrays.copyOf(text, batch * TIME));
            tape.backend().set(targets, Arrays.copyOfRange(text, 1, batch * TIME + 1));
            return gpt.loss(tape, ids, targets);
        }

        @Override
        public long unitsPerMicroBatch() {
            return (long) BATCH * TIME;
        }

        @Override
        public String unit() {
            return "tokens";
        }
    }

    /** A model and how it is trained. */
    record Case(
            String name,
            GptConfig.Style style,
            Optimizer.Config optimizer,
            TrainingConfig training,
            Precision precision,
            String products) {
        static Case of(String name, GptConfig.Style style, Optimizer.Config optimizer) {
            var training = TrainingConfig.of(STEPS, optimizer, new Schedule.Linear(2, STEPS, 0.1))
                    .withClip(0.5);
            return new Case(name, style, optimizer, training, Precision.FP32, "own");
        }

        static Case plain() {
            return of("GPT-2's style", GptConfig.Style.GPT2, AdamW.Config.gpt3(3e-3));
        }

        Case with(TrainingConfig other) {
            return new Case(name, style, optimizer, other, precision, products);
        }

        Case in(Precision other) {
            return new Case(name, style, optimizer, training, other, products);
        }

        Case byCublasLt() {
            return new Case(name, style, optimizer, training, precision, "cublasLt");
        }

        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Case> cases() {
        Case muon = Case.of(
                "Muon, three micro-batches, an average",
                GptConfig.Style.MODERN,
                Muon.Config.of(AdamW.Config.gpt3(3e-3)));
        return Stream.of(
                Case.plain(),
                Case.of("cuBLASLt", GptConfig.Style.GPT2, AdamW.Config.gpt3(3e-3))
                        .byCublasLt(),
                Case.of("bf16", GptConfig.Style.MODERN, AdamW.Config.gpt3(3e-3)).in(Precision.BF16),
                muon.with(muon.training.withMicroBatches(3).withEma(0.9)));
    }

    private static final NextSymbol.Twist NONE = (tape, microBatch) -> BATCH;

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void bits_are_those_of_plain_launches(Case run) throws IOException {
        assertSame(run, NONE, (backend, gpt) -> TrainingHooks.NONE);
    }

    private static void assertSame(Case run, NextSymbol.Twist twist, Hooks hooks) throws IOException {
        Ran plain = train(run, "off", twist, hooks, null);
        Ran graphs = train(run, "on", twist, hooks, null);
        assertThat(plain.graphs).isZero();
        // most micro-batches, and each in more than one
        assertThat(graphs.graphs).isGreaterThan((long) STEPS * run.training.microBatches());
        assertThat(graphs.numbers).isEqualTo(plain.numbers);
        assertThat(graphs.weights).isEqualTo(plain.weights);
        assertThat(plain.numbers.getLast()).isFinite();
        assertThat(plain.numbers).doesNotHaveDuplicates();
    }

    @Test
    void a_batch_of_another_shape_is_launched_plainly() throws IOException {
        NextSymbol.Twist shorter = (tape, microBatch) -> microBatch == 5 || microBatch == 6 ? 1 : BATCH;
        assertSame(Case.plain().with(Case.plain().training.withSteps(12)), shorter, (b, g) -> TrainingHooks.NONE);
    }

    /** A tensor more in the scope of a micro-batch moves those that follow. */
    @Test
    void addresses_that_change_are_launched_plainly() throws IOException {
        NextSymbol.Twist moved = (tape, microBatch) -> {
            if (microBatch == 6 || microBatch > 8) {
                tape.scope().tensor("in the way", new Shape(BATCH * TIME, 16), DType.F32);
            }
            return BATCH;
        };
        assertSame(Case.plain().with(Case.plain().training.withSteps(14)), moved, (b, g) -> TrainingHooks.NONE);
    }

    /** Its batch is larger than that of training: the scratch that kernels share moves. */
    @Test
    void evaluation_may_come_in_between() throws IOException {
        Case run = Case.plain().with(Case.plain().training.withCadence(Cadence.of(5, 0, 0)));
        assertSame(
                run,
                NONE,
                (backend, gpt) -> TrainingHooks.NONE.withEvaluation(() -> {
                    try (Scope scope = backend.memory().scope("evaluation")) {
                        var shape = new Shape(9 * BATCH, TIME);
                        var ids = new int[(int) shape.size()];
                        Tensor x = backend.set(scope.tensor("ids", shape, DType.I32), ids);
                        return Map.of(
                                "val_loss", (double) backend.scalar(gpt.loss(Tape.inference(backend, scope), x, x)));
                    }
                }));
    }

    @Test
    void another_thread_may_come_in_between() throws IOException {
        var wrong = new AtomicInteger();
        var others = new ArrayList<Thread>();
        NextSymbol.Twist crowded = (tape, microBatch) -> {
            if (microBatch > 1 && microBatch < CROWDED) {
                others.add(Thread.ofPlatform().start(() -> wrong.addAndGet(doubled(tape.backend()))));
            } else {
                others.forEach(GraphTest::join); // none may be at work when the device is closed
            }
            return BATCH;
        };
        Case run = Case.plain().with(Case.plain().training.withSteps(CROWDED + 2));
        Ran plain = train(run, "off", NONE, (b, g) -> TrainingHooks.NONE, null);
        Ran crowd = train(run, "on", crowded, (b, g) -> TrainingHooks.NONE, null);
        assertThat(crowd.numbers).isEqualTo(plain.numbers);
        assertThat(crowd.weights).isEqualTo(plain.weights);
        assertThat(wrong).hasValue(0);
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * Doubles ones a few times.
     *
     * @return how many results were wrong
     */
    private static int doubled(Backend backend) {
        try (Scope scope = backend.memory().scope("thread")) {
            Tensor x = scope.tensor("x", new Shape(300), DType.F32);
            var ones = new float[300];
            Arrays.fill(ones, 1);
            backend.set(x, ones);
            for (int i = 0; i < 10; i++) {
                backend.kernel(Gradients.Add.class).call(x, x, 300);
            }
            Arrays.fill(ones, 1024);
            return Arrays.equals(backend.floats(x), ones) ? 0 : 1;
        }
    }

    @Test
    void a_capture_that_is_no_line_is_launched_plainly() throws IOException {
        Ran plain = train(Case.plain(), "off", NONE, (b, g) -> TrainingHooks.NONE, null);
        HostCuda.answer("nodes that follow", 2);
        Ran ran = train(Case.plain(), "on", NONE, (b, g) -> TrainingHooks.NONE, null);
        assertThat(ran.graphs).isZero();
        assertThat(ran.numbers).isEqualTo(plain.numbers);
        assertThat(ran.weights).isEqualTo(plain.weights);
    }

    @Test
    void a_run_that_resumes_has_the_bits_of_one_that_does_not(@TempDir Path temporary) throws IOException {
        Ran whole = train(Case.plain(), "on", NONE, (b, g) -> TrainingHooks.NONE, null);
        Case saving = Case.plain().with(Case.plain().training.withCadence(Cadence.of(0, 0, 5)));
        try (RunFolder folder = RunFolder.create(temporary.resolve("run"))) {
            var stopped = new IOException("stopped after a checkpoint");
            TrainingListener stopping = event -> {
                if (event instanceof TrainingEvent.Step step && step.step() == 7) {
                    throw stopped;
                }
            };
            assertThatThrownBy(() ->
                            train(saving, "on", NONE, (b, g) -> TrainingHooks.NONE.withListener(stopping), folder))
                    .isSameAs(stopped);
            Ran rest = train(saving, "on", NONE, (b, g) -> TrainingHooks.NONE, folder);
            assertThat(rest.weights).isEqualTo(whole.weights);
        }
    }

    @Test
    void a_choice_that_there_is_not_is_an_error() {
        System.setProperty(GRAPHS, "maybe");
        assertThatThrownBy(() -> Backends.open("cuda", BackendOptions.DEFAULT))
                .isInstanceOf(BackendException.class)
                .hasMessageContaining("cloze.cuda.graphs must be on or off, but it is maybe");
    }

    @AfterEach
    void restore() {
        System.clearProperty(GRAPHS);
        HostCuda.answer("nodes that follow", 0);
    }

    private interface Hooks {
        TrainingHooks of(Backend backend, Gpt gpt);
    }

    private static Ran train(Case run, String graphs, NextSymbol.Twist twist, Hooks hooks, @Nullable RunFolder folder)
            throws IOException {
        System.setProperty(GRAPHS, graphs);
        var numbers = new ArrayList<Double>();
        long before = HostCuda.graphLaunches();
        var options = BackendOptions.DEFAULT.withPrecision(run.precision);
        String library = run.products.equals("own") ? null : HostCuda.cublasLt().toString();
        var cuda = new Device("cuda", o -> Backends.open("cuda", o));
        try (Backend backend = HostCuda.withMatMul(run.products, library, cuda, options);
                Scope scope = backend.memory().scope("test")) {
            assertThat(backend.description()).contains(graphs.equals("on") ? ", graphs" : "no graphs");
            var config = new GptConfig(VOCABULARY, TIME, 2, 16, new Heads(2, 1, 8), run.style, 0.1f);
            Parameters.Built<Gpt> built = Parameters.build(backend, scope, 1, p -> new Gpt(config, p));
            TrainingHooks listening = hooks.of(backend, built.model()).withListener(event -> {
                if (event instanceof TrainingEvent.Step step) {
                    numbers.add(step.loss());
                    numbers.add(step.gradientNorm());
                }
                if (event instanceof TrainingEvent.Evaluated evaluated) {
                    numbers.addAll(evaluated.metrics().values());
                }
            });
            var objective = new NextSymbol(built.model(), built.parameters(), twist);
            new Trainer(backend, objective, run.training, listening, folder).run();
            var weights = new ArrayList<Float>();
            for (float weight : backend.floats(built.parameters().weights())) {
                weights.add(weight);
            }
            return new Ran(numbers, weights, HostCuda.graphLaunches() - before);
        }
    }
}
