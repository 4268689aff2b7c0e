package cloze.cuda.attention;

import cloze.cuda.driver.Driver;
import cloze.cuda.launch.Arguments;
import cloze.cuda.launch.KernelCall;
import cloze.cuda.launch.LaunchPlan;
import cloze.cuda.launch.Launcher;
import cloze.op.Attention;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A pass of {@link Attention}, launched by the first of {@link AttentionKernels} that takes the call. */
public final class AttentionCall implements KernelCall {
    /** Tensor maps of the struct that kernels with tensor maps are given; unused ones are zero. */
    private static final int MAPS = 2;

    /** Makes the launcher of a kernel in bf16. */
    public interface Launchers {
        Launcher launcher(String source, String symbol, LaunchPlan plan);
    }

    private record Choice(AttentionKernel kernel, Launcher launcher) {}

    private final List<Choice> choices = new ArrayList<>();
    private final Launcher any;
    private final @Nullable TensorMaps maps;

    /**
     * @param pass {@link Attention.Forward} or {@link Attention.Backward}
     * @param capability of the GPU, for example 90
     * @param any takes the calls that no other kernel takes
     */
    public AttentionCall(Class<?> pass, Driver driver, int capability, Launchers launchers, Launcher any) {
        for (AttentionKernel kernel : AttentionKernels.of(pass, capability)) {
            Launcher launcher = launchers.launcher(kernel.source(), kernel.symbol(), kernel.plan());
            if (kernel.capability() != 0) {
                launcher.require(); // now: a build without code for this GPU is an error before the first call
            }
            choices.add(new Choice(kernel, launcher));
        }
        this.any = any;
        maps = AttentionKernels.useHopper(capability) ? new TensorMaps(driver) : null;
    }

    @Override
    public void call(Arguments arguments) {
        for (Choice choice : choices) {
            if (choice.kernel.takes(arguments)) {
                launch(choice, arguments);
                return;
            }
        }
        any.call(arguments);
    }

    private void launch(Choice choice, Arguments arguments) {
        if (maps == null || choice.kernel.mapped().isEmpty()) {
            choice.launcher.call(arguments);
        } else {
            choice.launcher.callWith(struct(maps, choice.kernel.mapped(), arguments), arguments);
        }
    }

    private static MemorySegment struct(TensorMaps maps, List<String> mapped, Arguments arguments) {
        MemorySegment struct = MemorySegment.ofArray(new long[(int) (MAPS * TensorMaps.BYTES / Long.BYTES)]);
        long b = arguments.size("b");
        long t = arguments.size("t");
        for (int i = 0; i < mapped.size(); i++) {
            struct.asSlice(i * TensorMaps.BYTES, TensorMaps.BYTES)
                    .copyFrom(maps.of(arguments.tensor(mapped.get(i)), b, t));
        }
        return struct;
    }
}
