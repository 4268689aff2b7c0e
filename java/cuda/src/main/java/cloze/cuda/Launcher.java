package cloze.cuda;

import cloze.backend.BackendException;
import cloze.backend.MissingKernelException;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Launches one kernel: the stages of its plan one after another, with the same arguments. */
final class Launcher {
    private final Driver driver;
    private final KernelImages images;
    private final CudaQueue queue;
    private final String source;
    private final String symbol;
    private final List<String> names;
    private final Launches.Plan plan;
    private final String single;
    private final Map<String, List<KernelImages.Kernel>> variants = new ConcurrentHashMap<>();

    /** @param single what the functions for f32 end in */
    Launcher(
            Driver driver,
            KernelImages images,
            CudaQueue queue,
            String source,
            String symbol,
            List<String> names,
            Launches.Plan plan,
            String single) {
        this.driver = driver;
        this.images = images;
        this.queue = queue;
        this.source = source;
        this.symbol = symbol;
        this.names = names;
        this.plan = plan;
        this.single = single;
    }

    /** @throws MissingKernelException if a function of the plan is missing */
    void require() {
        variants.computeIfAbsent(single, this::functions);
    }

    private List<KernelImages.Kernel> functions(String variant) {
        var functions = new ArrayList<KernelImages.Kernel>();
        for (Stage stage : plan.stages()) {
            String name = symbol + stage.suffix() + variant;
            KernelImages.Kernel kernel = images.find(source + variant, name);
            if (kernel == null) {
                throw new MissingKernelException("cuda", name, images.toString());
            }
            functions.add(kernel);
        }
        return functions;
    }

    /** Called through {@code CudaKernels.CALL} too. Device addresses may take the places of tensors. */
    void call(@Nullable Object... arguments) {
        callVariant(variant(arguments), arguments);
    }

    /** Functions that end so. */
    void callVariant(String variant, @Nullable Object... arguments) {
        call(variant, null, arguments);
    }

    /** Functions whose last parameter, behind all others, is a struct with these bytes. */
    void callWith(MemorySegment struct, @Nullable Object... arguments) {
        call(variant(arguments), struct, arguments);
    }

    private void call(String variant, @Nullable MemorySegment struct, @Nullable Object[] arguments) {
        var sizes = new Sizes(names, arguments);
        List<KernelImages.Kernel> functions = variants.computeIfAbsent(variant, this::functions);
        synchronized (queue) { // the stages share scratch, and follow one another in the stream
            driver.enter();
            MemorySegment slots = queue.slots();
            int count = fill(slots, arguments);
            if (plan.scratch() != null) {
                slots.setAtIndex(
                        ValueLayout.JAVA_LONG,
                        count++,
                        queue.scratch(plan.scratch().apply(sizes)));
            }
            if (struct != null) {
                MemorySegment.copy(struct, 0, slots, (long) count * Long.BYTES, struct.byteSize());
            }
            for (int i = 0; i < functions.size(); i++) {
                Stage stage = plan.stages().get(i);
                Extent extent = stage.extent().apply(sizes);
                long times = stage.times() == null ? 1 : sizes.of(stage.times());
                for (long time = 0; time < times && !extent.isEmpty(); time++) {
                    if (stage.times() != null) {
                        slots.setAtIndex(ValueLayout.JAVA_LONG, count, time);
                    }
                    launch(functions, i, extent, arguments);
                }
            }
        }
    }

    private void launch(List<KernelImages.Kernel> functions, int stage, Extent extent, @Nullable Object[] arguments) {
        if (extent.sharedBytes() > driver.sharedBytes()) {
            throw new BackendException("%s needs %d bytes of shared memory a block, but %s has %d: %s"
                    .formatted(
                            symbol,
                            extent.sharedBytes(),
                            driver.deviceName(),
                            driver.sharedBytes(),
                            describe(arguments)));
        }
        functions.get(stage).allowShared(extent.sharedBytes());
        int result = driver.launch(functions.get(stage).address(), extent, queue.stream(), queue.pointers());
        if (result != 0) {
            throw new BackendException("%s%s: %s, launched with %s: %s"
                    .formatted(
                            symbol,
                            plan.stages().get(stage).suffix(),
                            Driver.errorName(result),
                            extent,
                            describe(arguments)));
        }
    }

    private String variant(@Nullable Object[] arguments) {
        for (Object argument : arguments) {
            if (argument instanceof Tensor tensor && tensor.dtype() == DType.BF16) {
                return "_bf16";
            }
        }
        return single;
    }

    private static int fill(MemorySegment slots, @Nullable Object[] arguments) {
        for (int i = 0; i < arguments.length; i++) {
            switch (arguments[i]) {
                case null -> slots.setAtIndex(ValueLayout.JAVA_LONG, i, 0);
                case Tensor tensor ->
                    slots.setAtIndex(ValueLayout.JAVA_LONG, i, tensor.memory().address());
                case Long number -> slots.setAtIndex(ValueLayout.JAVA_LONG, i, number);
                case Float number -> slots.set(ValueLayout.JAVA_FLOAT, 8L * i, number);
                default -> throw new IllegalArgumentException("argument " + arguments[i]);
            }
        }
        return arguments.length;
    }

    private String describe(@Nullable Object[] arguments) {
        var text = new ArrayList<String>();
        for (int i = 0; i < arguments.length; i++) {
            text.add(names.get(i) + " = " + arguments[i]);
        }
        return String.join(", ", text);
    }
}
