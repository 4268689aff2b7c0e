package cloze.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.backend.DeclaredKernels;
import cloze.backend.Precision;
import cloze.backend.ShapeBackend;
import cloze.backend.WatchedBackend;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class KernelBenchTest {
    private static Backend open(String device, Precision precision) {
        return Backends.open(device, BackendOptions.DEFAULT.withPrecision(precision));
    }

    private static List<Line> lines(Backend backend, Ceilings ceilings) {
        var lines = new ArrayList<Line>();
        var bench = new KernelBench(backend, ceilings, 0);
        Shapes.TOY.kernels().forEach(subject -> bench.run(subject, lines::add));
        return lines;
    }

    @ParameterizedTest
    @CsvSource({"cpu, FP32", "cuda, FP32", "cuda, BF16", "cuda, TF32"})
    void every_kernel_runs_and_has_a_share_of_a_ceiling(String device, Precision precision) {
        try (Backend backend = open(device, precision)) {
            Ceilings ceilings = Ceilings.measure(backend, Shapes.TOY, 0);
            for (Line line : lines(backend, ceilings)) {
                assertThat(line.failure()).as("%s", line).isNull();
                assertThat(line.seconds()).as("%s", line).isPositive();
                double rate = (line.cost().flops() + line.cost().bytes()) / line.seconds();
                double ceiling = line.cost().flops() > 0 ? ceilings.flops() : ceilings.bytes();
                assertThat(line.share()).as("%s", line).isCloseTo(rate / ceiling, within(1e-9 * line.share()));
            }
            assertThat(backend.memory().bytesUsed()).isZero();
        }
    }

    /** In bf16 half the bytes of f32 where all is activations. */
    @Test
    void bytes_are_those_of_the_type() {
        var ceilings = new Ceilings(1, 1, 1, 1, 1);
        try (Backend single = open("cuda", Precision.FP32);
                Backend half = open("cuda", Precision.BF16)) {
            assertThat(norm(single, ceilings).cost().bytes()).isEqualTo(2 * 4.0 * 8 * 64);
            assertThat(norm(half, ceilings).cost().bytes()).isEqualTo(2 * 2.0 * 8 * 64);
        }
    }

    private static Line norm(Backend backend, Ceilings ceilings) {
        return lines(backend, ceilings).stream()
                .filter(line -> line.name().equals("LayerNorm"))
                .findFirst()
                .orElseThrow();
    }

    /** So that a kernel that is new, of an op or not, is measured from its first day; in bf16, which has them all. */
    @ParameterizedTest
    @EnumSource
    void every_kernel_is_measured_at_all_sizes(Shapes shapes) {
        var called = new TreeSet<String>();
        try (var nothing = new ShapeBackend(Precision.BF16)) {
            var watched = new WatchedBackend(nothing, (kernel, _) -> called.add(kernel));
            for (Subject subject : shapes.kernels()) {
                try (var inputs = new Inputs(watched)) {
                    var before = new TreeSet<>(called);
                    List<Pass> passes = subject.passes().apply(inputs);
                    called.retainAll(before); // without those that make the inputs
                    assertThat(passes).as("%s", subject).isNotEmpty();
                    for (Pass pass : passes) {
                        assertThat(pass.cost().flops() > 0)
                                .as("%s has operations or bytes, for a share of a ceiling", subject)
                                .isNotEqualTo(pass.cost().bytes() > 0);
                        pass.call().run();
                    }
                }
            }
        }
        assertThat(called)
                .containsAll(DeclaredKernels.all().stream()
                        .map(DeclaredKernels::label)
                        .toList());
        assertThat(shapes.kernels()).extracting(Subject::toString).doesNotHaveDuplicates();
    }

    @Test
    void what_does_not_fit_is_a_line_and_not_the_end() {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withMemory(1 << 20))) {
            var lines = new ArrayList<Line>();
            new KernelBench(backend, new Ceilings(1, 1, 1, 1, 1), 0).run(Subjects.layerNorm(1 << 16, 64), lines::add);
            assertThat(lines).hasSize(1);
            assertThat(lines.getFirst().failure()).contains("1.0 MiB");
            assertThat(backend.memory().bytesUsed()).isZero();
        }
    }
}
