package cloze.cuda.launch;

import cloze.backend.BackendException;
import cloze.backend.MissingKernelException;
import cloze.cuda.driver.Driver;
import cloze.cuda.driver.Extent;
import cloze.cuda.driver.KernelImages;
import cloze.cuda.graph.CudaQueue;
import cloze.cuda.graph.LaunchLog;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Launches one kernel: the stages of its plan one after another, with the same arguments. */
public final class Launcher implements KernelCall, LaunchLog.Launched {
    private final Driver driver;
    private final KernelImages images;
    private final CudaQueue queue;
    private final String source;
    private final String symbol;
    private final Signature signature;
    private final LaunchPlan plan;
    private final String single;
    private final Geometry.Cache geometries;
    private final long pointers;
    private KernelImages.Kernel @Nullable [] functions;
    private KernelImages.Kernel @Nullable [] narrow;

    /**
     * @param source of {@code cuda/src}, without its suffix
     * @param symbol the beginning of its functions' names
     * @param single the end of the names of functions for f32
     */
    public Launcher(
            Driver driver,
            KernelImages images,
            CudaQueue queue,
            String source,
            String symbol,
            Signature signature,
            LaunchPlan plan,
            String single) {
        this.driver = driver;
        this.images = images;
        this.queue = queue;
        this.source = source;
        this.symbol = symbol;
        this.signature = signature;
        this.plan = plan;
        this.single = single;
        geometries = new Geometry.Cache(plan, signature);
        long addresses = -1L << signature.names().size(); // the scratch, and the words of a struct
        for (int i = 0; i < signature.names().size(); i++) {
            addresses |= signature.isTensor(i) ? 1L << i : 0;
        }
        pointers = addresses;
    }

    /** @throws MissingKernelException if a function of the plan is missing */
    public void require() {
        functions = find(single);
    }

    private KernelImages.Kernel[] find(String variant) {
        var found = new ArrayList<KernelImages.Kernel>();
        for (Stage stage : plan.stages()) {
            String name = symbol + stage.suffix() + variant;
            KernelImages.Kernel kernel = images.find(source + variant, name);
            if (kernel == null) {
                throw new MissingKernelException("cuda", name, images.toString());
            }
            found.add(kernel);
        }
        return found.toArray(KernelImages.Kernel[]::new);
    }

    @Override
    public void call(Arguments arguments) {
        launch(arguments.isBf16(), arguments.tensors, arguments.slots);
    }

    /** A call of functions whose last parameter, behind all others, is a struct with these bytes, whole longs. */
    public void callWith(MemorySegment struct, Arguments arguments) {
        int own = signature.names().size() + (plan.scratch() == null ? 0 : 1);
        long[] slots = Arrays.copyOf(arguments.slots, own + (int) (struct.byteSize() / Long.BYTES));
        MemorySegment.copy(struct, ValueLayout.JAVA_LONG, 0, slots, own, slots.length - own);
        launch(arguments.isBf16(), arguments.tensors, slots);
    }

    /** A call from Java: device addresses may take the places of tensors. */
    public void call(@Nullable Object... arguments) {
        boolean bf16 = false;
        for (Object argument : arguments) {
            bf16 |= argument instanceof Tensor tensor && tensor.dtype() == DType.BF16;
        }
        callAs(bf16, arguments);
    }

    /** @param bf16 true runs the functions for bf16 */
    public void callAs(boolean bf16, @Nullable Object... arguments) {
        var tensors = new ArrayList<@Nullable Tensor>();
        var slots = new long[arguments.length + 1];
        for (int i = 0; i < arguments.length; i++) {
            Object argument = arguments[i];
            slots[i] = switch (argument) {
                case null -> 0;
                case Tensor tensor -> Arguments.address(tensor);
                case Long number -> number;
                case Float number -> Arguments.bits(number);
                default -> throw new IllegalArgumentException("argument " + argument);
            };
            if (signature.isTensor(i)) {
                tensors.add(argument instanceof Tensor tensor ? tensor : null);
            }
        }
        launch(bf16, tensors.toArray(Tensor[]::new), slots);
    }

    private void launch(boolean bf16, @Nullable Tensor[] tensors, long[] given) {
        long[] slots = given;
        synchronized (queue) { // the stages share scratch and must not be separated in the stream
            queue.requireOpen();
            driver.enter();
            KernelImages.Kernel[] kernels = functions(bf16);
            Geometry geometry = geometries.of(slots);
            if (geometry.scratch() > 0) {
                slots[signature.names().size()] = queue.scratch(geometry.scratch());
            }
            if (plan.indices()) {
                int place = signature.names().size() + (plan.scratch() == null ? 0 : 1);
                slots = Arrays.copyOf(slots, place + 1);
                slots[place] = queue.faults().address();
            }
            queue.log().add(this, tensors, slots);
            List<Extent> extents = geometry.extents();
            for (int i = 0; i < kernels.length; i++) {
                Extent extent = extents.get(i);
                if (!extent.isEmpty()) {
                    launch(kernels[i], plan.stages().get(i).times(), extent, tensors, slots);
                }
            }
        }
    }

    /** @param times the size that is the number of launches, or null for one; the number of a launch is its last argument */
    private void launch(
            KernelImages.Kernel kernel,
            @Nullable String times,
            Extent extent,
            @Nullable Tensor[] tensors,
            long[] slots) {
        if (times == null) {
            launch(kernel, extent, tensors, slots);
            return;
        }
        int place = signature.names().size() + (plan.scratch() == null ? 0 : 1);
        long count = slots[signature.place(times, Signature.WHOLE)];
        for (long time = 0; time < count; time++) {
            long[] timed = Arrays.copyOf(slots, place + 1);
            timed[place] = time;
            launch(kernel, extent, tensors, timed);
        }
    }

    private void launch(KernelImages.Kernel kernel, Extent extent, @Nullable Tensor[] tensors, long[] slots) {
        if (extent.sharedBytes() > driver.sharedBytes()) {
            throw new BackendException(String.format(
                    Locale.ROOT,
                    "%s needs %d bytes of shared memory a block, but %s has %d: %s",
                    kernel.name(),
                    extent.sharedBytes(),
                    driver.device(),
                    driver.sharedBytes(),
                    arguments(tensors, slots)));
        }
        kernel.allowShared(extent.sharedBytes());
        int result = queue.launch(kernel, extent, slots, pointers);
        if (result != 0) {
            throw queue.failure(
                    String.format(Locale.ROOT, "%s of %s with %s", kernel.name(), extent, arguments(tensors, slots)),
                    Driver.errorName(result));
        }
    }

    private KernelImages.Kernel[] functions(boolean bf16) {
        KernelImages.Kernel[] found = bf16 ? narrow : functions;
        if (found == null) {
            found = find(bf16 ? "_bf16" : single);
            if (bf16) {
                narrow = found;
            } else {
                functions = found;
            }
        }
        return found;
    }

    @Override
    public String symbol() {
        return symbol;
    }

    @Override
    public String arguments(@Nullable Tensor[] tensors, long[] slots) {
        var text = new ArrayList<String>();
        int tensor = 0;
        for (int i = 0; i < signature.names().size(); i++) {
            Object value = switch (signature.types().charAt(i)) {
                case Signature.TENSOR -> tensors[tensor++];
                case Signature.WHOLE -> slots[i];
                default -> Float.intBitsToFloat((int) slots[i]);
            };
            boolean address = signature.isTensor(i) && value == null && slots[i] != 0;
            text.add(signature.names().get(i) + " = " + (address ? "at 0x" + Long.toHexString(slots[i]) : value));
        }
        return String.join(", ", text);
    }
}
