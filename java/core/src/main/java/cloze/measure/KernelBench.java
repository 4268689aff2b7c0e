package cloze.measure;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.tensor.OutOfMemoryException;
import java.util.function.Consumer;

/** Measures kernels, one after another. */
public final class KernelBench {
    private final Backend backend;
    private final Ceilings ceilings;
    private final Stopwatch watch;

    /**
     * A bench on a device.
     *
     * @param ceilings of this run
     * @param seconds to spend on each call that is measured
     */
    public KernelBench(Backend backend, Ceilings ceilings, double seconds) {
        this.backend = backend;
        this.ceilings = ceilings;
        watch = new Stopwatch(backend, seconds);
    }

    /** Measures all passes; one that fails gives a line with the failure, and ends those of its subject. */
    public void run(Subject subject, Consumer<Line> lines) {
        String dtype = backend.precision().toString();
        try (var inputs = new Inputs(backend)) {
            for (Pass pass : subject.passes().apply(inputs)) {
                double seconds = watch.measure(pass.call());
                lines.accept(new Line(
                        subject.name(),
                        pass.name(),
                        subject.shape(),
                        dtype,
                        seconds,
                        pass.cost(),
                        ceilings.share(pass.cost(), seconds),
                        null));
            }
        } catch (BackendException | OutOfMemoryException | IllegalArgumentException e) {
            lines.accept(Line.failed(subject.name(), "", subject.shape(), dtype, e));
        }
    }
}
