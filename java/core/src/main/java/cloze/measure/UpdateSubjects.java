package cloze.measure;

import cloze.autograd.Gradients;
import cloze.nn.Init;
import cloze.nn.Parameters;
import cloze.optim.AdamW;
import cloze.optim.Ema;
import cloze.optim.GradientNorm;
import cloze.optim.Muon;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.util.List;

/** Kernels on n parameters in one flat buffer: initial values and optimiser updates. */
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

    /** The sum of two gradients, {@code y += x}. */
    static Subject gradients(int n) {
        return new Subject("Gradients", Integer.toString(n), in -> {
            Tensor x = in.real("x", n);
            Tensor y = in.real("y", n);
            Gradients.Add add = in.backend().kernel(Gradients.Add.class);
            return List.of(new Pass("update", Subjects.bytes(in, 3, n, 1), () -> add.call(x, y, n)));
        });
    }

    /** Normal and uniform values; all bytes moved are written. */
    static Subject init(int n) {
        return new Subject("Init", Integer.toString(n), in -> {
            Tensor y = in.single("y", n);
            Init.Normal normal = in.backend().kernel(Init.Normal.class);
            Init.Uniform uniform = in.backend().kernel(Init.Uniform.class);
            var cost = Cost.ofBytes(4.0 * n);
            return List.of(
                    new Pass("draw normal", cost, () -> normal.call(y, n, 0, 1, 1, 0)),
                    new Pass("draw uniform", cost, () -> uniform.call(y, n, -1, 1, 1, 0)));
        });
    }

    /** A matrix [n, m]: five steps of {@code x = a x + (b s + c s^2) x} with {@code s = x x^T}, along its shorter side. */
    static Subject muon(int n, int m) {
        double shorter = Math.min(n, m);
        double flops = 5 * (4 * shorter * n * m + 2 * shorter * shorter * shorter);
        return new Subject("Muon", Subjects.shape(n, m), in -> {
            Tensor gradient = in.single("gradient", n, m);
            Tensor weight = in.single("weight", n, m);
            Tensor momentum = in.single("momentum", n, m);
            Tensor scratch = in.single("scratch", 3 * n * m + 2 * Math.min(n, m) * Math.min(n, m));
            Muon.Step step = in.backend().kernel(Muon.Step.class);
            Runnable call = () -> step.call(gradient, weight, momentum, scratch, n, m, 0.02f, 0.95f, 0.01f, 1);
            return List.of(new Pass("update", Cost.ofFlops(flops), call));
        });
    }

    /** The kernel that is a ceiling itself: its share shows the device's variation. */
    static Subject peak(int n, int links) {
        return new Subject("Peak", Subjects.shape(n, links), in -> {
            Tensor sums = in.single("sums", n);
            Peak.MultiplyAdd kernel = in.backend().kernel(Peak.MultiplyAdd.class);
            Runnable call = () -> kernel.call(sums, n, links);
            return List.of(new Pass("update", Cost.ofFlops(2.0 * n * links), call));
        });
    }

    /** Rounds weights to a model's bf16 copies; nothing to do in f32. */
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
