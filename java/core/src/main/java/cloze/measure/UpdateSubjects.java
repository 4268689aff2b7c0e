package cloze.measure;

import cloze.nn.Parameters;
import cloze.optim.AdamW;
import cloze.optim.Ema;
import cloze.optim.GradientNorm;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.util.List;

/** What an update does to n parameters in one flat buffer. */
final class UpdateSubjects {
    private UpdateSubjects() {}

    static Subject adamW(int n) {
        return new Subject("AdamW", Integer.toString(n), in -> {
            Tensor gradient = in.single("gradient", n);
            Tensor weight = in.single("weight", n);
            Tensor m = in.single("m", n);
            Tensor v = in.constant("v", 1, n);
            AdamW.Step step = in.backend().kernel(AdamW.Step.class);
            Runnable call = () -> step.call(gradient, weight, m, v, n, 1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 1, 1, 1);
            return List.of(new Pass("update", Cost.ofBytes(28.0 * n), call));
        });
    }

    static Subject ema(int n) {
        return new Subject("Ema", Integer.toString(n), in -> {
            Tensor weight = in.single("weight", n);
            Tensor average = in.single("average", n);
            Ema.Update update = in.backend().kernel(Ema.Update.class);
            return List.of(new Pass("update", Cost.ofBytes(12.0 * n), () -> update.call(weight, average, n, 0.999f)));
        });
    }

    static Subject gradientNorm(int n) {
        return new Subject("GradientNorm", Integer.toString(n), in -> {
            Tensor gradient = in.single("gradient", n);
            Tensor squared = in.single("squared", 1);
            GradientNorm.Squared kernel = in.backend().kernel(GradientNorm.Squared.class);
            return List.of(new Pass("update", Cost.ofBytes(4.0 * n), () -> kernel.call(gradient, squared, n)));
        });
    }

    /** Weights to what a model in bf16 computes with; there is nothing to do in f32. */
    static Subject narrow(int n) {
        return new Subject("Narrow", Integer.toString(n), in -> {
            if (in.backend().precision().dtype() == DType.F32) {
                return List.of();
            }
            Tensor weight = in.single("weight", n);
            Tensor copy = in.real("copy", n);
            Parameters.Narrow kernel = in.backend().kernel(Parameters.Narrow.class);
            return List.of(new Pass("update", Cost.ofBytes(6.0 * n), () -> kernel.call(weight, copy, n)));
        });
    }
}
