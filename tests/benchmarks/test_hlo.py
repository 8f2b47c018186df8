"""Kernels and bytes of a compiled module, counted by hand."""

from __future__ import annotations

from benchmarks.hlo import kernels

MODULE = """HloModule jit_step, is_scheduled=true

%fused_add (param_0: f32[100], param_1: bf16[2,3]) -> (f32[2,3], pred[6]) {
  %param_0 = f32[100]{0} parameter(0)
  %param_1 = bf16[2,3]{1,0} parameter(1)
  %slice.1 = f32[6]{0} slice(%param_0), slice={[0:6]}
  %slice.2 = f32[4]{0} slice(%param_0), slice={[6:10]}
  ROOT %tuple.1 = (f32[2,3]{1,0}, pred[6]{0}) tuple(%slice.1, %param_1)
}

%fused_whole (param_0.1: f32[100]) -> f32[] {
  %param_0.1 = f32[100]{0} parameter(0)
  %slice.3 = f32[6]{0} slice(%param_0.1), slice={[0:6]}
  ROOT %reduce.1 = f32[] reduce(%param_0.1, %slice.3), dimensions={0}
}

ENTRY %main (vector: f32[100], map: bf16[2,3]) -> f32[2,3] {
  %vector = f32[100]{0} parameter(0), metadata={op_name="vector"}
  %map = bf16[2,3]{1,0} parameter(1)
  %loop_fusion = (f32[2,3]{1,0}, pred[6]{0}) fusion(%vector, /*index=1*/%map), kind=kLoop, calls=%fused_add
  %get-tuple-element = f32[2,3]{1,0} get-tuple-element(%loop_fusion), index=0
  %whole_fusion = f32[] fusion(%vector), kind=kInput, calls=%fused_whole, metadata={op_name="x"}
  %cudnn-conv.1 = (bf16[2,3]{1,0}, u8[0]{0}) custom-call(%map, %get-tuple-element), window={size=1x1}
  ROOT %copy = f32[2,3]{1,0} copy(%get-tuple-element)
}
"""


def test_each_kernel_reads_and_writes() -> None:
    found = kernels(MODULE)
    assert ["loop" in found[0].line, "whole" in found[1].line, "cudnn" in found[2].line] == [True] * 3
    assert [kernel.bytes for kernel in found] == [
        (6 + 4) * 4 + 6 * 2 + 6 * 4 + 6,  # of the vector only two slices
        100 * 4 + 4,
        6 * 2 + 6 * 4 + 6 * 2,
        6 * 4 + 6 * 4,
    ]
